"""Settings of all tests.

Properties have no deadline: the machine may be busy with other tests, and only the limits of the figures are timed.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
