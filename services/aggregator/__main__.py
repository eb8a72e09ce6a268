"""`python -m services.aggregator`: one worker; several may run beside each other on the same durable consumers."""

from services.aggregator.app import create_app
from services.serve import serve

serve(create_app)
