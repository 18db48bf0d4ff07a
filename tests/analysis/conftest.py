"""Property tests without a deadline: the first call of a run imports scipy, which may take longer than one."""

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
