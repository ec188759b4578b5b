"""What a published head says beside its weights."""
