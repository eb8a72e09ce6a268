"""The kinds the hub knows. A new kind is one new file here plus its entries in the catalogue."""

from opd_schemas.events import app, permit, queue, visit
from opd_schemas.lifecycle import Lifecycle

KINDS: dict[str, Lifecycle] = {module.LIFECYCLE.kind: module.LIFECYCLE for module in (queue, permit, visit, app)}
