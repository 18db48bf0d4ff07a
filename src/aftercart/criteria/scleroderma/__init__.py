"""Systemic sclerosis criteria: skin score and activity."""
