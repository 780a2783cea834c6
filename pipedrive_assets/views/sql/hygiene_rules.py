"""The rules of the derived tables `hygiene` and `hygiene_rules`.

To add a rule, add a row to RULES. Its view, its Dagster check and its docs follow from it.
"""

from dataclasses import dataclass

REQUIRED = "{_required}"
"""Placeholder of a query for the empty required fields of the records: `id` and `detail`."""

QUIET_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule for records. All SQL is for DuckDB, and `r` is the record.

    Attributes:
        name: The name of the rule, and of its check in Dagster.
        record: The table of the records.
        meaning: What a finding is, as a sentence.
        needs: The columns that the rule uses, by table or list table. A rule is left out if one of
            them does not exist, or if the first load of a table is not finished.
        checked: Condition for the records that are checked, besides not being deleted.
        found: Condition for a finding among these.
        join: A join that a finding needs; it has at most one row per record and detail.
        detail: Text about the finding, without personal data.
        owner: The column with the owner's id; empty if the records have no owner.
        link: The column with the id in the address of the record.
    """

    name: str
    record: str
    meaning: str
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    checked: str = "TRUE"
    found: str = "TRUE"
    join: str = ""
    detail: str = "CAST(NULL AS VARCHAR)"
    owner: str = "owner_id"
    link: str = "id"

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns that the rule uses, by table."""
        own = ("id", "_deleted_at", self.link, *((self.owner,) if self.owner else ()))
        found: dict[str, tuple[str, ...]] = {self.record: own}
        for name, columns in self.needs:
            found[name] = (*found.get(name, ()), *columns)
        return found


def today(name: str) -> str:
    """Return SQL for the day (UTC) up to which a table is complete.

    It is used in place of the current day, because a table that was not loaded for a week does not
    show what was done in that week.
    """
    return (
        "(SELECT CAST(max(reached.complete_until) AT TIME ZONE 'UTC' AS DATE) "
        f"FROM {{_pipedrive_coverage}} reached WHERE reached.entity = '{name}')"
    )


def same(key: str, source: str) -> str:
    """Return a join to the records that share a key, with the lowest id among them as `first_id`.

    Args:
        key: SQL for the key; an empty one is not compared.
        source: The records `p` and what the key needs, for a FROM clause.
    """
    keys = f"SELECT p.id, {key} AS shared FROM {source} WHERE p._deleted_at IS NULL"
    groups = (
        "SELECT k.id, min(k.id) OVER (PARTITION BY k.shared) AS first_id, "
        f"max(k.id) OVER (PARTITION BY k.shared) AS last_id FROM ({keys}) k WHERE k.shared <> ''"
    )
    return (
        f"JOIN (SELECT g.id, min(g.first_id) AS first_id FROM ({groups}) g "
        "WHERE g.first_id <> g.last_id GROUP BY g.id) twin ON twin.id = r.id"
    )


SAME_AS = "'same as ' || CAST(twin.first_id AS VARCHAR)"
OPEN_DEAL = "r.status = 'open' AND NOT coalesce(r.is_archived, FALSE)"
OPEN_LEAD = "NOT coalesce(r.is_archived, FALSE)"
OPEN_ACTIVITY = "NOT coalesce(r.done, FALSE)"
DEAL = ("deals", ("status", "is_archived"))
FIELDS = ("fields", ("entity", "field_code", "field_name", "required_fields", "_deleted_at"))
EMAIL = "lower(trim(e.value))"
# Digits only, without a leading 00, which is the same as a plus sign. Short ones are extensions.
DIGITS = "regexp_replace(regexp_replace(e.value, '[^0-9]', '', 'g'), '^00', '')"
NUMBER = f"CASE WHEN length({DIGITS}) >= 7 THEN {DIGITS} ELSE '' END"
NAME = "trim(regexp_replace(lower(p.name), '[[:space:][:punct:]]+', ' ', 'g'))"


def _of_persons(items: str) -> str:
    return f"{{persons}} p JOIN {{{items}}} e ON e._dlt_parent_id = p._dlt_id"


def _deactivated(kind: str, record: str, checked: str, *columns: str) -> Rule:
    return Rule(
        name=f"{kind}_of_deactivated_owner",
        record=record,
        meaning=f"The owner of an open {kind} is deactivated.",
        needs=((record, columns), ("users", ("id", "active_flag", "_deleted_at"))),
        checked=checked,
        found=(
            "EXISTS (SELECT 1 FROM {users} u WHERE u.id = r.owner_id "
            "AND (u.active_flag = FALSE OR u._deleted_at IS NOT NULL))"
        ),
    )


def _required(kind: str, record: str, *columns: str) -> Rule:
    return Rule(
        name=f"{kind}_without_required_field",
        record=record,
        meaning=f"The {kind} has no value in a field that Pipedrive requires; detail is its label.",
        needs=((record, columns), FIELDS),
        join=f"JOIN {REQUIRED} gap ON gap.id = r.id",
        detail="gap.detail",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        name="deal_without_next_activity",
        record="deals",
        meaning="An open deal has no activity that is not done.",
        needs=(DEAL, ("activities", ("deal_id", "done", "_deleted_at"))),
        checked=OPEN_DEAL,
        found=(
            "NOT EXISTS (SELECT 1 FROM {activities} a WHERE a.deal_id = r.id "
            "AND a._deleted_at IS NULL AND NOT coalesce(a.done, FALSE))"
        ),
    ),
    Rule(
        name="deal_past_expected_close_date",
        record="deals",
        meaning="The expected close date of an open deal has passed.",
        needs=(DEAL, ("deals", ("expected_close_date",))),
        checked=OPEN_DEAL,
        found=f"r.expected_close_date < {today('deals')}",
        detail="CAST(r.expected_close_date AS VARCHAR)",
    ),
    Rule(
        name="deal_without_value",
        record="deals",
        meaning="An open deal has no value, or the value 0.",
        needs=(DEAL, ("deals", ("value",))),
        checked=OPEN_DEAL,
        found="coalesce(r.value, 0) = 0",
    ),
    Rule(
        name="deal_without_person",
        record="deals",
        meaning="An open deal has no person.",
        needs=(DEAL, ("deals", ("person_id",))),
        checked=OPEN_DEAL,
        found="r.person_id IS NULL",
    ),
    Rule(
        name="deal_without_organization",
        record="deals",
        meaning="An open deal has no organization.",
        needs=(DEAL, ("deals", ("org_id",))),
        checked=OPEN_DEAL,
        found="r.org_id IS NULL",
    ),
    Rule(
        name="activity_overdue",
        record="activities",
        meaning="An activity that is not done was due on an earlier day.",
        needs=(("activities", ("done", "due_date")),),
        checked=OPEN_ACTIVITY,
        found=f"r.due_date < {today('activities')}",
        detail="CAST(r.due_date AS VARCHAR)",
    ),
    Rule(
        name="person_with_same_email",
        record="persons",
        meaning="Another person has the same e-mail address, without regard to case.",
        needs=(("persons__emails", ("value", "_dlt_parent_id")),),
        join=same(EMAIL, _of_persons("persons__emails")),
        detail=SAME_AS,
    ),
    Rule(
        name="person_with_same_phone",
        record="persons",
        meaning="Another person has the same phone number, of 7 or more digits.",
        needs=(("persons__phones", ("value", "_dlt_parent_id")),),
        join=same(NUMBER, _of_persons("persons__phones")),
        detail=SAME_AS,
    ),
    Rule(
        name="organization_with_same_name",
        record="organizations",
        meaning=(
            "Another organization has the same name, without regard to case, punctuation and "
            "spaces."
        ),
        needs=(("organizations", ("name",)),),
        join=same(NAME, "{organizations} p"),
        detail=SAME_AS,
    ),
    Rule(
        name="stage_nobody_leaves",
        record="stages",
        meaning=(
            f"No deal has left the stage for {QUIET_DAYS} days, and one has been in it for longer."
        ),
        needs=(("deal_stage_history", ("stage_id", "entered_at", "left_at", "is_current")),),
        found=(
            "EXISTS (SELECT 1 FROM {deal_stage_history} h WHERE h.stage_id = r.id "
            "AND h.is_current AND CAST(h.entered_at AT TIME ZONE 'UTC' AS DATE) "
            f"< {today('deals')} - {QUIET_DAYS}) "
            "AND NOT EXISTS (SELECT 1 FROM {deal_stage_history} h WHERE h.stage_id = r.id "
            "AND CAST(h.left_at AT TIME ZONE 'UTC' AS DATE) "
            f">= {today('deals')} - {QUIET_DAYS})"
        ),
        owner="",
        link="pipeline_id",
    ),
    _deactivated("deal", "deals", OPEN_DEAL, "status", "is_archived"),
    _deactivated("activity", "activities", OPEN_ACTIVITY, "done"),
    _deactivated("lead", "leads", OPEN_LEAD, "is_archived"),
    _required("deal", "deals", "status", "stage_id", "pipeline_id"),
    _required("person", "persons"),
    _required("organization", "organizations"),
)

READS = tuple(dict.fromkeys(name.partition("__")[0] for rule in RULES for name in rule.columns))
"""The loaded and derived tables that the rules use."""
