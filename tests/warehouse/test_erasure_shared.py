"""A name that two accounts share stays with the other one."""

# An account whose number another gave first or later, and whose letter it followed.
SHARING = """
    select ours.user_id
    from raw.app_persons as ours
    inner join raw.app_persons as others using (phone_hash)
    where
        ours.user_id <> others.user_id
        and ours.valid_to is null
        and not ours.is_test
        and not others.is_test
    order by
        exists (
            select from identity.device_owners as owners
            where owners.user_id = ours.user_id and owners.device_id like 'dev_lead_%'
        ) desc,
        ours.user_id
    limit 1
"""


def test_a_shared_number_stays_with_the_others_who_gave_it(simulated_world):
    world = simulated_world
    [(user,)] = world.rows(SHARING)
    [(phone,)] = world.rows(
        "select phone_hash from raw.app_persons where user_id = %s", user
    )
    count = "select count(*) from raw.app_persons where phone_hash = %s"
    [(before,)] = world.rows(count, phone)
    assert before > 1
    receipt = world.erasure(user).run()
    assert receipt.body["search"]["hits"] == 0
    assert world.rows(count, phone) == [(before - 1,)]
    owner = "select person_key from identity.persons where identifier = %s"
    [(key,)] = world.rows(owner, phone)
    assert key.startswith("user ")
    assert user not in key
