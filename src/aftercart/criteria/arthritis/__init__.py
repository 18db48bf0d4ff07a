"""Rheumatoid arthritis: disease activity and response."""
