"""How the reference cohort of 15 patients is reconstructed from published figures; run `build_reference_cohort.py`."""
