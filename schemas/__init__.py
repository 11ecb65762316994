"""What is said between departments, a module for each thing.

Read in this order:

    envelope      every event: CloudEvents 1.0, three times, computed ids
    facts         the one vocabulary: what a request carries, a department is told and answers
    requests      what comes in at the door
    tasks         what a department is asked, and what it says back
    cases         what changed for the person, what staff decide
    housing, social_care, transport      what departments tell one another
    topics        what travels where, who owns it, and how bytes become an event
    identifiers   UPRN, NHS number and the like: repaired or refused
    times         days and moments within the years one can count in
    privacy       the tag on every field
    fields        one field of a model by itself
    publish       JSON Schemas for everybody else, in `published/`; an invented example of each event in `examples/`
    compatibility what a change would break; what each release promised is in `released/`
"""
