"""`python -m services.ingest`: one worker; several may run beside each other on the same durable consumer."""

from services.ingest.app import create_app
from services.serve import serve

serve(create_app)
