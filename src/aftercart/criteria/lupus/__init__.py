"""Lupus criteria: activity scores, remission and low disease activity."""
