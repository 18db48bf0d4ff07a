"""Criteria on treatment, shared by the diseases: doses, drug-free status, remission course, refractoriness."""
