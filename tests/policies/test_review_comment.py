"""The comment of a pull request: it says all that fits, and is never refused for its length."""

from __future__ import annotations

import re

import pytest

from policies.review.markdown import BOUND, GITHUB_LIMIT, comment
from tests.policies.reviewing import diffs, document, many, review, row, statement


def test_the_summary_comes_first_with_who_what_and_the_digest() -> None:
    found = review(
        [row("deny"), row("allow", action="s3:PutObject")], [row("allow"), row("deny", action="s3:PutObject")]
    )
    text = comment(found)
    assert text.splitlines()[1] == "## ❌ Access widens: 1 decision granted, not approved"
    assert "| 1 | 1 | 0 | none |" in text
    granted = "| `function me` | `s3:GetObject` | `videos bucket, videos/{user}/… (other's)` | deny → **allow** |"
    assert granted in text
    assert text.index("### Granted") < text.index("### Revoked")
    assert found.verdict.digest in text


def test_a_change_that_widens_nothing_says_so_and_asks_for_nothing() -> None:
    text = comment(review([row("allow")], [row("allow")]))
    assert "## ✅ Nothing widens" in text
    assert "sha256" not in text


@pytest.mark.parametrize("number", [400, 20_000])
def test_however_much_changes_the_comment_stays_within_its_bound(number: int) -> None:
    before = {f"iam/{index}": document(statement()) for index in range(number // 10)}
    after = {name: document(statement(Resource=["…" * 300])) for name in before}
    rows = [*many(number, "deny"), *many(number, "allow", word="gone")]
    found = review(rows, [*many(number), *many(number, "deny", word="gone")], differences=diffs(before, after))
    text = comment(found)
    assert len(text) <= len(text.encode()) <= BOUND < GITHUB_LIMIT
    assert len(text.encode()) > BOUND * 0.8, "the room is used"
    assert f"### Granted: {number} decisions" in text
    assert "### Revoked" in text
    assert "<details>" in text
    shown, left_out = len(re.findall(r"deny → \*\*allow", text)), re.findall(r"… and (\d+) more", text)
    assert shown + int(left_out[0]) == number
    assert text.count("<details>") == text.count("</details>")
    assert "`access-review.html`" in text


@pytest.mark.parametrize(
    "evil",
    [
        "a|b",
        "`code`",
        "```\n# heading",
        "<script>alert(1)</script>",
        "@everyone",
        "a\u202eb",
        "x\ny",
        "-->",
        "[a](http://b)",
    ],
)
def test_text_of_a_change_stays_text(evil: str) -> None:
    before, after = {"iam/x": document(statement())}, {"iam/x": document(statement(evil, Resource=[evil]))}
    found = review([], [row("allow", resource=evil)], differences=diffs(before, after))
    text = comment(found)
    (line,) = [line for line in text.splitlines() if "deny → **allow**" in line]
    assert len(re.findall(r"(?<!\\)\|", line)) == 6, "the row keeps its columns"
    assert "\u202e" not in text
    outside = re.sub(r"(`+)diff\n.*?\n\1(?=\n)", "", text, flags=re.DOTALL)
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    for mark in ("<script", "@everyone", "](http", "# heading"):
        assert mark not in outside


def test_the_difference_of_a_policy_is_folded_and_marked() -> None:
    before, after = {"iam/me": document(statement())}, {"iam/me": document(statement(Action=["s3:*"]))}
    text = comment(review([], [], differences=diffs(before, after)))
    assert "<details><summary><code>iam/me</code>, dev, local, prod</summary>\n\n```diff\n  OwnRead: changed\n" in text
    assert "\n-     s3:GetObject\n+     s3:*\n" in text
