"""Safety criteria: cytokine release, neurotoxicity, cytopenias, infections, reporting duties."""
