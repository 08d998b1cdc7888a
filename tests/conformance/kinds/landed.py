"""How many events of each name and user of the question were loaded."""


def definitions(_question):
    return {}


def answer(connection, question):
    rows = connection.execute(
        """
        select user_id, event_name, count(*), min(occurred_at)
        from raw.events where starts_with(user_id, %s)
        group by user_id, event_name order by user_id, event_name
        """,
        (question.user(""),),
    )
    return [
        [question.user_of(login), name.rpartition("_")[2], count, first.isoformat()]
        for login, name, count, first in rows
    ]
