"""Who is who in a world, against its truth: accounts, shared numbers, leads."""

import hmac

from tests.end_to_end.comparing import assert_equal
from tests.end_to_end.house import KEY


def pseudonym(text):
    """Hide contact details as the extract of the app does."""
    return "p1_" + hmac.digest(KEY.encode(), text.encode(), "sha256").hex()[:32]


def check_accounts(story):
    """Addresses, numbers and customer ids are those of the account that came first."""
    truth = story.truth("identities")
    expected = {}
    for row in truth.iter_rows(named=True):
        user = f"user {row['user_id']}"
        expected["user", row["user_id"]] = user
        expected["email", pseudonym(row["email"].casefold())] = user
        expected["external", row["external_id"]] = user
        if row["phone_user_id"] is not None:
            digits = "".join(filter(str.isdigit, row["phone"]))
            owner = f"user {row['phone_user_id']}"
            expected["phone", pseudonym(digits.removeprefix("00"))] = owner
    shared = truth["phone_user_id"].drop_nulls()
    assert shared.n_unique() < len(shared)
    found = story.house.rows(
        "select identifier_type, identifier, person_key from identity.persons"
    )
    assert_equal({(kind, value): key for kind, value, key in found}, expected)
    refused = story.house.rows(
        "select count(*) from identity.edges"
        " where refusal = 'user_limit' and first_type = 'user'"
    )
    assert refused == [(len(shared) - shared.n_unique(),)]


def check_leads(story):
    """The device of a lead belongs to whoever the lead turned out to be."""
    leads = story.truth("leads")
    kinds = {person.partition(":")[0] for person in leads["person"]}
    assert kinds == {"user", "external", "device"}
    found = dict(
        story.house.rows(
            """
            select owners.device_id, owners.person_key
            from identity.device_owners as owners
            where owners.device_id like 'dev_lead_%'
            """
        )
    )
    expected = {
        device: person.replace(":", " ", 1)
        for device, person in leads.select("device_id", "person").iter_rows()
        if not person.startswith("device:")
    }
    assert_equal(found, expected)
