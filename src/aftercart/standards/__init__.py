"""What the standards call things: shared by the readers (`sources`) and the writers (`exchange`)."""
