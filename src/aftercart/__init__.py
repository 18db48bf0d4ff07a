"""aftercart: graded safety, scored efficacy and honest estimates after CAR-T therapy in autoimmune disease."""
