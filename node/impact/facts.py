"""What is true at a node, in words and numbers that a lawyer can use: no identifier, no reference, nobody's name."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Facts", "MemberFacts"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MemberFacts(_Part):
    """A confirmed member: an organisation, or somebody who runs a relay (`member_class` is then `relay`)."""

    name: str
    member_class: str
    country: str
    way: str
    children: bool


class Facts(_Part):
    """A node as it is. Times in days, budgets in elements; `None` where there is nothing to say.

    `bases`, `purposes`: word -> number of agreements that this node signed. `record_classes`: word -> rows that take
    part, over all data sets; rows are rounded up to tens. `narrowed`: the settings of policy.toml that allow less than
    the rules do. `backup_days`: days since the last backup. `cosigners`: members that cosigned this node's log.
    """

    name: str
    member_class: str
    country: str
    contact: str
    members: list[MemberFacts]
    purposes: dict[str, int]
    bases: dict[str, int]
    agreements: int
    open_rounds: int
    longest_retention_days: int | None
    allowed_retention_days: int
    allowed_agreement_days: int
    record_classes: dict[str, int]
    kinds: list[str]
    consent_rows: int
    duty_rows: int
    database: str
    port_open: bool
    watched: bool
    budget_elements: int
    budget_days: int
    budget_years: float
    decoys: int
    operators: int
    approvers: int
    reviewers: int
    children_approvers: int
    least_approvers: int
    narrowed: dict[str, str]
    cosigners: int
    backup_days: int | None
    contact_card: bool
    frozen_members: int
    urgent_open: int

    @property
    def police(self) -> bool:
        """Does this organisation act under the law enforcement directive, at least in part?"""
        return self.member_class in ("police", "prosecutor", "immigration")

    @property
    def relays(self) -> list[str]:
        return [one.name for one in self.members if one.member_class == "relay"]

    @property
    def partners(self) -> list[MemberFacts]:
        return [one for one in self.members if one.member_class != "relay"]
