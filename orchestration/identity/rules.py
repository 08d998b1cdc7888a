"""The rules in force, numbered: a new number has everything rebuilt from the evidence.

Time-bounded guard for shared devices (SEMANTICS 2.3): the anonymous events of a device
belong to the user who logs in next on it within the same session, otherwise to the
user who was logged in before, until another user logs in. At the very instant of an
identified event, they belong to its user.
"""

RULE_VERSION = 1
RULE_HASH = f"time_bounded {RULE_VERSION}"
