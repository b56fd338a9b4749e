"""What PBS's two resources know."""

from typing import Literal, Self

from pydantic import Field

from providers.props import Props
from vpn import backup
from vpn.backup import Job, Place, Retention


class Schedule(Props):
    """What both resources know: whose schedule, of which CT, and where its backups lie.

    `url` is there so that a move to another server shows and is carried out: the jobs are made there, and those on
    the server left behind stay, since it may be gone. The connection itself takes the address from the config.
    `vmids` are all that the stack's container has had: backups of each are its own.
    """

    url: str = ""
    mark: str = ""
    job_id: str
    vmid: int
    vmids: list[int] = Field(default_factory=list)
    node: str
    pool: str | None = None
    storage: str
    datastore: str
    namespace: str = ""
    backup_job: Literal["own", "pool"] = "own"
    adopt: bool = False
    shared: bool = False
    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0

    @property
    def retention(self) -> Retention:
        """How many backups stay."""
        return Retention(self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly)

    @property
    def place(self) -> Place:
        """Datastore and namespace."""
        return Place(self.datastore, self.namespace)

    def remembering(self, old: "Schedule | None") -> Self:
        """Return the same with the VMIDs that `old` knows, too."""
        return self.with_(vmids=sorted({self.vmid, *self.vmids, *((old.vmid, *old.vmids) if old else ())}))


class ReservationProps(Schedule):
    """The schedule's place, proven; `warnings` says what is allowed but unwise."""

    warnings: list[str] = Field(default_factory=list)


class RegistrationProps(Schedule):
    """The schedule itself. `check` writes the jobs out, as their APIs will have them; `epoch` is that of its intent.

    `strangers` are the backup groups of other guests that a refresh found where the prune job acts.
    """

    backup_schedule: str
    prune_schedule: str
    verify_schedule: str
    prune: Job = Field(default_factory=dict)
    verify: Job = Field(default_factory=dict)
    backup: Job = Field(default_factory=dict)
    covered_by: list[str] | None = None
    strangers: list[str] = Field(default_factory=list)
    epoch: int = 0

    def written_out(self) -> Self:
        """Return the same with the jobs that these inputs mean."""
        own = self.backup_job == "own"
        return self.with_(
            prune=backup.prune_job(self.place, self.prune_schedule, self.retention, self.mark),
            verify=backup.verify_job(self.place, self.verify_schedule, self.mark),
            backup=backup.backup_job(self.vmid, self.storage, self.backup_schedule, self.mark) if own else {},
        )
