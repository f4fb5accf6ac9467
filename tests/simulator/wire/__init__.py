"""HTTP in and out: tokens, faults, webhooks."""
