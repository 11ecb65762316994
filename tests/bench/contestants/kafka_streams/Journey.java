import com.fasterxml.jackson.annotation.JsonInclude;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;

/**
 * The rules of hospital-discharge.v1.yaml for the events of the bench, by hand: a request, and statuses of its tasks in whatever order and however
 * often they come. Nobody changes, withdraws or refuses anything there, so what follows from that is not here.
 */
final class Journey {
    record Event(
            String specversion, String id, String type, String time, String correlationid, String partitionkey, String council,
            String effectiveat, EventData data) {}

    record EventData(
            String request, Map<String, Object> facts, String task, String department, String status, String reference,
            Map<String, Object> answers) {}

    /** A fact, and since when it is so; moments are microseconds since 1970. */
    record Fact(Object value, long at) {}

    /** What a department said last of a task, what it was told last, and how the task stands. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Task(String status, long at, String reference, Told told, String state) {
        static final Task UNHEARD = new Task(null, 0, null, null, null);
    }

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Told(int revision, String due, Map<String, Object> facts) {}

    /** A case as it is kept. */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Case(Long requested, Long updated, String status, Map<String, Fact> facts, Map<String, Task> tasks) {
        static Case unknown() {
            return new Case(null, null, "unknown", Map.of(), Map.of());
        }
    }

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Output(
            String specversion, UUID id, String source, String type, String time, String datacontenttype, String correlationid,
            String causationid, String partitionkey, String council, String effectiveat, String channel,
            String dataclassification, Object data) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record TaskData(
            String task, int raising, int revision, String department, String work, String asks, String due,
            Map<String, Object> facts) {}

    @JsonInclude(JsonInclude.Include.NON_NULL)
    record UpdateData(
            String journey, String change, String status, String task, List<String> tells) {}

    record Addressed(String topic, Output event) {}

    /** The case after an event, null where it changed nothing; and what to send. */
    record Decision(Case after, List<Addressed> outputs) {
        static final Decision NOTHING = new Decision(null, List.of());
    }

    /** A task of the journey. */
    private record Plan(
            String name, String department, String work, String asks, List<String> after, List<String> when, List<String> gives) {}

    private static final List<Plan> PLANS = List.of(
            new Plan("check-home", "housing", "home-check", "Is the home fit to return to?", List.of(), List.of(),
                    List.of("uprn", "mobility")),
            new Plan("assess-care", "social-care", "care-assessment", "What care is needed at home?", List.of(), List.of(),
                    List.of("person_name", "phone", "date_of_birth", "nhs_number", "social_care_id", "discharge_date", "pathway")),
            new Plan("fit-ramp", "housing", "adaptation", "Fit a ramp at the front door", List.of("check-home"),
                    List.of("mobility", "steps_at_door"), List.of("uprn", "mobility", "discharge_date")),
            new Plan("start-care", "social-care", "care-package", "Start the care package on the day of return",
                    List.of("assess-care", "fit-ramp"), List.of("care_visits_a_day"),
                    List.of("person_name", "date_of_birth", "nhs_number", "social_care_id", "discharge_date", "keysafe_present",
                            "care_visits_a_day")),
            new Plan("book-transport", "transport", "trip", "Bring the person home", List.of("assess-care"), List.of(),
                    List.of("person_name", "uprn", "mobility", "discharge_date", "steps_at_door")));
    private static final List<String> PROGRESS = List.of("accepted", "in-progress", "completed");

    private final Clocks clocks;
    private final MessageDigest sha1;

    Journey(Clocks clocks) {
        this.clocks = clocks;
        try {
            this.sha1 = MessageDigest.getInstance("SHA-1");
        } catch (NoSuchAlgorithmException never) {
            throw new IllegalStateException(never);
        }
    }

    /** What follows from one event of a case. */
    Decision step(Case before, Event event, String key) {
        if (!"1.0".equals(event.specversion()) || !key.equals(event.partitionkey()) || !key.equals(event.correlationid())) {
            throw new IllegalArgumentException("not an event of this case");
        }
        long time = moment(event.time());
        long updated = before.updated() == null ? time : Math.max(before.updated(), time);
        Case heard = join(before, event, updated);
        if (heard == null) {
            return Decision.NOTHING;
        }
        if (heard.requested() == null) {
            return new Decision(heard, List.of());
        }
        return tell(before, heard, event);
    }

    /** What is known with this event; null where that was known before. */
    private static Case join(Case before, Event event, long updated) {
        EventData data = event.data();
        long at = moment(event.effectiveat());
        switch (event.type()) {
            case "case.request-received.v1" -> {
                if (before.requested() != null) {
                    return null;
                }
                if (!"discharge-notified".equals(data.request())) {
                    throw new IllegalArgumentException("another journey's request");
                }
                Map<String, Fact> facts = joined(before.facts(), data.facts(), at);
                return new Case(at, updated, before.status(), facts, before.tasks());
            }
            case "case.task-status-changed.v1" -> {
                if (!PROGRESS.contains(data.status())) {
                    throw new IllegalArgumentException("not a status of the bench");
                }
                Task known = before.tasks().getOrDefault(data.task(), Task.UNHEARD);
                Map<String, Fact> facts = joined(before.facts(), data.answers(), at);
                boolean news = outranks(data.status(), at, known);
                if (!news && facts == before.facts()) {
                    return null;
                }
                Map<String, Task> tasks = new LinkedHashMap<>(before.tasks());
                if (news) {
                    String reference = data.reference() == null ? known.reference() : data.reference();
                    Task said = new Task(data.status(), at, reference, known.told(), known.state());
                    tasks.put(data.task(), said);
                }
                return new Case(before.requested(), updated, before.status(), facts, tasks);
            }
            default -> throw new IllegalArgumentException("not a type of the bench");
        }
    }

    /** What ended outranks what has not; the later end the earlier, the further step the nearer. */
    private static boolean outranks(String status, long at, Task known) {
        if (known.status() == null) {
            return true;
        }
        int order = Integer.compare(PROGRESS.indexOf(status), PROGRESS.indexOf(known.status()));
        return order != 0 ? order > 0 : at > known.at();
    }

    private static Map<String, Fact> joined(Map<String, Fact> known, Map<String, Object> said, long at) {
        Map<String, Fact> facts = known;
        for (Map.Entry<String, Object> each : said == null ? Map.<String, Object>of().entrySet() : said.entrySet()) {
            Fact old = facts.get(each.getKey());
            boolean older = old != null && (old.value().equals(each.getValue()) || old.at() > at);
            if (each.getValue() == null || older) {
                continue;
            }
            if (facts == known) {
                facts = new LinkedHashMap<>(known);
            }
            facts.put(each.getKey(), new Fact(each.getValue(), at));
        }
        return facts;
    }

    /** How every task now stands, and what departments and subscribers are told of it. */
    private Decision tell(Case before, Case heard, Event event) {
        Map<String, Task> tasks = new LinkedHashMap<>();
        Map<String, Long> since = new HashMap<>();
        List<Addressed> letters = new ArrayList<>();
        List<Map.Entry<String, String>> changes = new ArrayList<>();
        if (before.requested() == null) {
            changes.add(Map.entry("accepted", ""));
        }
        boolean open = false;
        for (Plan plan : PLANS) {
            Task said = heard.tasks().getOrDefault(plan.name(), Task.UNHEARD);
            boolean ready = true;
            for (String each : plan.after()) {
                ready &= passes(tasks.get(each).state());
            }
            boolean wanted = ready && holds(plan, heard.facts());
            String state = said.status() != null ? said.status() : wanted ? "asked" : ready ? "not-needed" : "waiting";
            long began = heard.requested();
            for (String each : plan.after()) {
                began = Math.max(began, since.get(each));
            }
            for (String each : plan.when()) {
                Fact fact = heard.facts().get(each);
                began = fact == null ? began : Math.max(began, fact.at());
            }
            since.put(plan.name(), said.status() != null ? said.at() : began);
            boolean inHand = !passes(state) && !state.equals("waiting");
            open |= inHand || state.equals("waiting");
            Told told = said.told();
            if (wanted && inHand) {
                Told now = new Told(told == null ? 0 : told.revision() + 1, due(plan, began, heard.facts()), given(plan, heard.facts()));
                boolean raise = told == null && state.equals("asked");
                boolean change = told != null && !(now.facts().equals(told.facts()) && Objects.equals(now.due(), told.due()));
                if (raise || change) {
                    told = now;
                    letters.add(letter(event, plan, now, raise));
                }
            }
            if (!state.equals(said.state()) && (state.equals("in-progress") || state.equals("completed"))) {
                changes.add(Map.entry(state.equals("completed") ? "task-done" : "task-started", plan.name()));
            }
            tasks.put(plan.name(), new Task(said.status(), said.at(), said.reference(), told, state));
        }
        String status = open ? "open" : "finished";
        if (!open && !before.status().equals("finished")) {
            changes.add(Map.entry("done", ""));
        }
        List<Addressed> outputs = new ArrayList<>(letters);
        for (Map.Entry<String, String> change : changes) {
            outputs.add(update(event, change.getKey(), change.getValue(), status));
        }
        return new Decision(new Case(heard.requested(), heard.updated(), status, heard.facts(), tasks), outputs);
    }

    private static boolean passes(String state) {
        return state.equals("completed") || state.equals("not-needed");
    }

    private static boolean holds(Plan plan, Map<String, Fact> facts) {
        return switch (plan.name()) {
            case "fit-ramp" -> facts.containsKey("mobility") && facts.get("mobility").value().equals("wheelchair")
                    && isPositive(facts.get("steps_at_door"));
            case "start-care" -> isPositive(facts.get("care_visits_a_day"));
            default -> true;
        };
    }

    private static boolean isPositive(Fact fact) {
        return fact != null && ((Number) fact.value()).intValue() > 0;
    }

    private String due(Plan plan, long began, Map<String, Fact> facts) {
        Fact discharge = facts.get("discharge_date");
        return switch (plan.name()) {
            case "check-home" -> clocks.workingDaysAfter(began, 1);
            case "assess-care" -> clocks.workingDaysAfter(began, 2);
            case "start-care" -> discharge == null ? null : clocks.on((String) discharge.value());
            default -> discharge == null ? null : clocks.workingDaysBefore((String) discharge.value(), 1);
        };
    }

    /** What a department needs to know; of a protected person no place, and that they are protected. */
    private static Map<String, Object> given(Plan plan, Map<String, Fact> facts) {
        boolean isProtected = facts.containsKey("protected_address") && Boolean.TRUE.equals(facts.get("protected_address").value());
        Map<String, Object> given = new LinkedHashMap<>();
        for (String name : plan.gives()) {
            if (facts.containsKey(name) && !(isProtected && name.equals("uprn"))) {
                given.put(name, facts.get(name).value());
            }
        }
        if (isProtected) {
            given.put("protected_address", true);
        }
        return given;
    }

    private Addressed letter(Event event, Plan plan, Told told, boolean raise) {
        TaskData data = new TaskData(
                plan.name(), 1, told.revision(), plan.department(), plan.work(), plan.asks(), told.due(), told.facts());
        String type = raise ? "task.raised.v1" : "task.changed.v1";
        return new Addressed(
                plan.department() + "-tasks",
                following(event, (raise ? "raise|" : "change|") + plan.name(), type, "special-category", data));
    }

    private Addressed update(Event event, String change, String task, String status) {
        List<String> tells = change.equals("accepted") || change.equals("done") ? List.of("citizen", "ward") : List.of();
        UpdateData data = new UpdateData("hospital-discharge", change, status, task.isEmpty() ? null : task, tells);
        String name = "update|" + change + "|" + (task.isEmpty() ? "None" : task);
        return new Addressed("case-updates", following(event, name, "case.updated.v1", "personal", data));
    }

    private Output following(Event event, String name, String type, String classification, Object data) {
        return new Output(
                "1.0", outputId(UUID.fromString(event.id()), name), "/" + event.council() + "/worker", type, event.time(),
                "application/json", event.correlationid(), event.id(), event.correlationid(), event.council(),
                event.effectiveat(), "system", classification, data);
    }

    /** RFC 9562 version 5: the same cause and name give the same id. */
    private UUID outputId(UUID cause, String name) {
        sha1.update(ByteBuffer.allocate(16).putLong(cause.getMostSignificantBits()).putLong(cause.getLeastSignificantBits()).flip());
        ByteBuffer digest = ByteBuffer.wrap(sha1.digest(name.getBytes(StandardCharsets.UTF_8)));
        long high = digest.getLong() & 0xFFFFFFFFFFFF0FFFL | 0x5000L;
        long low = digest.getLong() & 0x3FFFFFFFFFFFFFFFL | 0x8000000000000000L;
        return new UUID(high, low);
    }

    private static long moment(String text) {
        Instant instant = OffsetDateTime.parse(text).toInstant();
        return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
    }
}
