"""The way to the server, from what Pulumi hands over to what SSH takes."""

from pydantic import BaseModel, ConfigDict

from clients.ssh import Way


class Jump(BaseModel):
    """A jump host as pulumi-command describes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str
    port: int = 22
    user: str = "root"
    private_key: str
    host_key: str

    def way(self) -> Way:
        """Return the way to the jump host itself."""
        return Way(self.host, self.user, self.port, self.private_key, self.host_key)


class Connection(BaseModel):
    """A login on the server as pulumi-command describes it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str
    port: int = 22
    user: str = "root"
    private_key: str
    host_key: str
    jump: Jump | None = None

    def way(self) -> Way:
        """Return the way to the server."""
        jump = self.jump.way() if self.jump else None
        return Way(self.host, self.user, self.port, self.private_key, self.host_key, jump)
