"""Addresses of pages: templates, campaigns, and nothing personal."""

import pytest

from orchestration.raw.pages import path_template, read_page, split_url

UUID = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("", "/"),
        ("/", "/"),
        ("/events/", "/events"),
        ("/events//jazz", "/events/jazz"),
        ("/events/4711", "/events/:id"),
        (f"/users/{UUID}/edit", "/users/:id/edit"),
        ("/o/507f191e810c19729de860ea", "/o/:id"),
        ("/t/9Kd83jfKJH38fkdlsFJ38s", "/t/:id"),
        ("/mail/ada@example.org", "/mail/:id"),
        ("/mail/ada%40example.org", "/mail/:id"),
        ("/api/v1/events", "/api/v1/events"),
        ("/2018/01/blog", "/:id/:id/blog"),
        ("/how-to-run-a-half-marathon", "/how-to-run-a-half-marathon"),
        ("/defaced", "/defaced"),
        ("/" + "a" * 2000, "/" + "a" * 1023),
    ],
)
def test_like_pages_have_one_template(path, template):
    assert path_template(path) == template


@pytest.mark.parametrize(
    ("url", "host", "path", "query"),
    [
        ("https://a.example/x?y=1#z", "a.example", "/x", "y=1"),
        ("http://me:secret@a.example:8080/x", "a.example:8080", "/x", ""),
        ("//a.example/x", "a.example", "/x", ""),
        ("a.example/x", "a.example", "/x", ""),
        ("/x?y", "", "/x", "y"),
        ("https://a.example", "a.example", "", ""),
        ("android-app://m.example/x", "m.example", "/x", ""),
        ("https://a.example?y=/z", "a.example", "", "y=/z"),
        ("", "", "", ""),
    ],
)
def test_an_address_is_cut_at_its_joints(url, host, path, query):
    parts = split_url(url)
    assert (parts.host, parts.path, parts.query) == (host, path, query)


def test_campaign_parameters_are_decoded_once_and_the_first_counts():
    page, _ = read_page(
        "/x?utm_source=news%20letter&utm_medium=e+mail&utm_campaign=&utm_source=two"
        "&utm_term=a%00b&utm_content=%FF",
        None,
    )
    assert page[3:] == ("news letter", "e mail", None, "a\ufffdb", "\ufffd")


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.example/x?q=jazz", None),
        ("https://a.example/x?token=abc&q=1", "https://a.example/x?token=[masked]&q=1"),
        (
            "https://a.example/?email=ada%40example.org",
            "https://a.example/?email=[masked]",
        ),
        ("https://a.example/?q=ada%40example.org", "https://a.example/?q=[masked]"),
        ("https://a.example/?q=4111+1111+1111+1111", "https://a.example/?q=[masked]"),
        ("https://me:secret@a.example/x", "https://a.example/x"),
        ("https://a.example/u/ada@example.org", "https://a.example/u/[email]"),
        ("https://a.example/x?flag&q=1", None),
    ],
)
def test_personal_parts_of_an_address_are_masked(url, kept):
    page, is_masked = read_page(url, url)
    assert (page.page_url, page.referrer) == (kept or url, kept or url)
    assert is_masked == (kept is not None)
