"""Where the hub is and who asks: a URL taken apart, so that no message ever shows a password."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from opd_sdk.errors import BadSettings


@dataclass(frozen=True)
class Address:
    """`servers` are URLs without credentials; `where` names them for people."""

    servers: tuple[str, ...]
    user: str | None
    password: str | None = field(repr=False)

    @property
    def is_tls(self) -> bool:
        """Whether any server may only be spoken to over TLS; then none is spoken to without."""
        return any(server.startswith("tls://") for server in self.servers)

    @property
    def where(self) -> str:
        return ", ".join(urlsplit(server).netloc for server in self.servers)


def read_address(url: str, *, user: str | None = None, password: str | None = None) -> Address:
    """One server, or the servers of a cluster with commas between; `user` and `password` win over those in the URL."""
    servers = []
    for part in url.split(","):
        text = part.strip()
        try:
            split = urlsplit(text if "://" in text else f"nats://{text}")
            host, port = split.hostname, split.port or 4222
        except ValueError:
            host = None
        if not host or split.scheme not in {"nats", "tls"}:
            raise BadSettings("url is no address of the hub; write nats://USER:PASSWORD@HOST:4222 or tls://…")
        servers.append(f"{split.scheme}://{f'[{host}]' if ':' in host else host}:{port}")
        if user is None and split.username:
            user = unquote(split.username)
            password = unquote(split.password or "") if password is None else password
    if (user is None) != (password is None):
        raise BadSettings("user and password belong together; give both or none")
    return Address(tuple(servers), user, password)
