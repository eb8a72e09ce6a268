"""Every setting of the hub's processes, read once from the environment: WARROOM_NATS_URL and so on."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where the servers are and how much is taken at a time.

    `nats_url` and `database_url` carry the credentials of the process that reads them. `batch` is the most events that
    one transaction (or one round of publishing) holds.
    """

    model_config = SettingsConfigDict(env_prefix="WARROOM_")

    nats_url: str
    database_url: str
    http_host: str = "127.0.0.1"
    http_port: int = 0
    batch: int = 1000
