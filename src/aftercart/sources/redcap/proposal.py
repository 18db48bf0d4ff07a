"""stub"""
from aftercart.sources.mapping import Proposal
from aftercart.sources.redcap.project import Project
def of(project: Project) -> Proposal:
    raise RuntimeError
