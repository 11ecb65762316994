"""What an instruction is in the words of the firm's form. Pure."""

from connectors.sdk import CodeTable, ConnectorSettings, Effect
from schemas.facts import Mobility
from schemas.tasks import TaskWithdrawn


class Meanings(ConnectorSettings):
    """Codes of the form."""

    vehicle: CodeTable[Mobility] = CodeTable(
        name="vehicle",
        codes={"SALOON": Mobility.WALKS, "LOW": Mobility.WALKS_WITH_AID, "RAMP": Mobility.WHEELCHAIR},
    )
    """Kind of car."""


def form(effect: Effect, meanings: Meanings) -> dict[str, str]:
    """The form's fields. The remark is for people: by it the firm's dispatcher finds a booking when somebody asks on the telephone."""
    fields = {"remark": f"Council case {effect.case}"}
    if effect.earlier is not None:
        fields["number"] = effect.earlier
    if isinstance(effect.instruction, TaskWithdrawn):
        return fields
    task = effect.instruction.data
    mobility = task.facts.mobility or Mobility.WALKS
    fields |= {"passenger": task.facts.person_name or "", "vehicle": meanings.vehicle.code(mobility)}
    return fields | ({"by": f"{task.due:%d/%m/%Y %H:%M}"} if task.due else {})
