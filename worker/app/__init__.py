"""Wiring: configuration → connectors (parts) → stages (roles) → a process (run)."""
