"""What is done now and then: old rows removed, personal data forgotten, stores checked."""
