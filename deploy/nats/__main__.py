"""`python -m deploy.nats` writes the broker's configuration for production from the one table of accounts.

Every write is on disk before it is confirmed. Passwords come from the broker's environment.
"""

from pathlib import Path

from deploy.local.accounts import Account, accounts

OUTPUT = Path(__file__).with_name("server.conf")
_HEAD = """\
# Written from deploy/local/accounts.py (make generate). Passwords come from the environment: letters and digits, a
# letter first. Whoever takes an application in adds its user here, one block as `Account` describes it.
server_name: "warroom"
listen: "0.0.0.0:4222"
http: "127.0.0.1:8222"
max_payload: 1048576
write_deadline: "10s"

jetstream: {
  store_dir: "/data"
  max_file_store: 17179869184
  sync_interval: always
}

authorization: {
  users: [
"""
_TAIL = "  ]\n}\n"


def configuration() -> str:
    """The whole file; the hub's own users only."""
    return _HEAD + "".join(_user(account) for account in accounts([])) + _TAIL


def password_variable(user: str) -> str:
    """The environment's variable with a user's password: `hub-admin` has NATS_ADMIN_PASSWORD."""
    return f"NATS_{user.removeprefix('hub-').upper().replace('-', '_')}_PASSWORD"


def _user(account: Account) -> str:
    return (
        "    {\n"
        f'      user: "{account.user}"\n'
        f"      password: ${password_variable(account.user)}\n"
        "      permissions: {\n"
        f"        publish: {_only(account.publish)}\n"
        f"        subscribe: {_only(account.subscribe)}\n"
        "      }\n"
        "    }\n"
    )


def _only(subjects: tuple[str, ...]) -> str:
    # An empty `allow` would allow everything.
    if not subjects:
        return '{ deny: [">"] }'
    lines = "".join(f'          "{subject}"\n' for subject in subjects)
    return f"{{ allow: [\n{lines}        ] }}"


if __name__ == "__main__":
    OUTPUT.write_text(configuration(), encoding="utf-8")
