"""A phone's whole way: session, images, then a video (videos.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from local import daemons
from local.journey.client import Phone, s3_code, told
from local.journey.own_rows import UserRows
from local.journey.photograph import photograph
from local.journey.steps import Step, refused, require, table, walk
from local.journey.steps import console as default_console
from local.journey.videos import Videos
from local.state import State, read_json

PAGE = b"<!doctype html><html><body><script>alert(1)</script></body></html>" * 20


@dataclass(frozen=True)
class Places:
    """Where the phone finds what it needs; whole URLs."""

    api: str
    apple: str
    aws: str
    fal: str


class Journey:
    """Two phones in the stack: Alice's, and Bob's, who must be kept out of what is hers."""

    def __init__(self, places: Places, outputs: Mapping[str, Any]) -> None:
        self._places, self._outputs = places, outputs
        self.alice = Phone(places.api, places.apple)
        self.bob = Phone(places.api, places.apple)
        self.photo = photograph()
        self.form: dict[str, Any] = {}
        self.images: dict[str, str] = {}

    @property
    def steps(self) -> list[Step]:
        videos = Videos(
            self.alice,
            self.bob,
            fal_url=self._places.fal,
            aws_url=self._places.aws,
            outputs=self._outputs,
            images=self.images,
        )
        return [
            ("a new device checks in", self.check_in),
            ("the same device checks in again: same user", self.check_in_again),
            ("the user asks for itself", self.me),
            ("a form for one upload", self.ask_for_form),
            ("a photograph goes to S3", self.send_photograph),
            ("it is inspected and accepted", self.wait_until_inspected),
            ("it loads back, byte for byte", self.load_back),
            ("a small photograph goes through the function", self.upload_direct),
            ("without a token: refused", self.no_token),
            ("with a tampered token: refused", self.tampered_token),
            ("another user's key: refused by S3", self.anothers_key),
            ("another user's image: not found", self.anothers_image),
            ("another user's row: refused by Postgres", self.anothers_row),
            ("a web page named .jpg: refused", self.web_page),
            ("an app with no session uploads (phase compatible)", self.anonymous),
            *videos.steps,
            ("another user closes his account: his token is refused", self.close_account),
            ("hers is untouched by that", self.others_untouched),
        ]

    def check_in(self) -> str:
        first = self.alice.check_in()
        require(first["is_new"] is True, "is_new is not true")
        require(bool(first["session_token"]), "there is no session token")
        return f"{first['credits_remaining']} credits"

    def check_in_again(self) -> str:
        user = self.alice.session["user_id"]
        again = self.alice.check_in()
        require(again["is_new"] is False, "is_new is still true")
        require(again["user_id"] == user, "it is another user")
        return "is_new false"

    def me(self) -> str:
        me = self.alice.me()
        for name in ("user_id", "credits_remaining"):
            require(me[name] == self.alice.session[name], f"{name} is not what the check-in said")
        return f"{me['credits_remaining']} credits"

    def ask_for_form(self) -> str:
        self.form = self.alice.request_upload(len(self.photo))
        return f"until {self.form['expires_at']}"

    def send_photograph(self) -> str:
        sent = self.alice.send_form(self.form["upload"], self.photo)
        require(sent.status_code in (200, 201, 204), f"S3 answered {told(sent)}")
        return f"{len(self.photo) / 1e6:.1f} MB"

    def wait_until_inspected(self) -> str:
        image = self.alice.wait_for_image(self.form["image_id"])
        require(image["status"] == "ready", f"it is {image['status']}: {image['reason']}")
        self.images["ready"] = self.form["image_id"]
        return str(image["status"])

    def load_back(self) -> str:
        image = self.alice.image(self.form["image_id"])
        loaded = self.alice.download(image["image_url"])
        require(loaded.status_code == 200, f"S3 answered {told(loaded)}")
        require(loaded.content == self.photo, "it is not the photograph that was sent")
        return str(loaded.headers["content-type"])

    def upload_direct(self) -> str:
        small = photograph(1, width=800, height=600)
        answer = self.alice.upload_direct(small)
        require(answer.status_code == 201, f"it was answered {told(answer)}")
        image = self.alice.image(answer.json()["image_id"])
        require(self.alice.download(image["image_url"]).content == small, "it does not load back")
        return f"{len(small) / 1e3:.0f} kB"

    def no_token(self) -> str:
        return refused(self.alice.call("GET", "/v1/me", token=""), 401)

    def tampered_token(self) -> str:
        head, _, signature = self.alice.token.rpartition(".")
        tampered = f"{head}.{signature[:10]}{'B' if signature[10] == 'A' else 'A'}{signature[11:]}"
        return refused(self.alice.call("GET", "/v1/me", token=tampered), 403)

    def anothers_key(self) -> str:
        self.bob.check_in()
        form = self.bob.request_upload(len(self.photo))
        own = form["upload"]["fields"]["key"]
        require(self.bob.auth_user_id in own, "the form's key is not under the user's own id")
        key = own.replace(self.bob.auth_user_id, self.alice.auth_user_id)
        sent = self.bob.send_form(form["upload"], self.photo, key=key)
        require(sent.status_code == 403, f"S3 answered {told(sent)}")
        # The twin: with its own key the same form works.
        twin = self.bob.send_form(form["upload"], self.photo)
        require(twin.status_code in (200, 201, 204), f"with the own key S3 answered {told(twin)}")
        return f"403 {s3_code(sent)}; own key {twin.status_code}"

    def anothers_image(self) -> str:
        return refused(self.bob.call("GET", f"/v1/images/{self.form['image_id']}"), 404)

    def anothers_row(self) -> str:
        rows = UserRows(self._outputs, self._places.aws)
        alice, bob = self.alice.session["user_id"], self.bob.session["user_id"]
        hers = rows.count_users(acting_for=self.alice.auth_user_id, user_id=alice)
        his = rows.count_users(acting_for=self.alice.auth_user_id, user_id=bob)
        require((hers, his) == (1, 0), f"she sees {hers} rows of her own and {his} of his")
        return "0 rows of his, 1 of her own"

    def web_page(self) -> str:
        image = self.alice.upload(PAGE)
        require(image["status"] == "refused", f"it is {image['status']}")
        require(not image.get("image_url"), "it has an address")
        self.images["refused"] = image["image_id"]
        self.images["not uploaded"] = self.alice.request_upload(1000)["image_id"]
        return str(image["reason"])

    def close_account(self) -> str:
        answer = self.bob.call("DELETE", "/v1/me")
        require(answer.status_code == 202, f"it was answered {told(answer)}")
        return refused(self.bob.call("GET", "/v1/me"), 403)

    def others_untouched(self) -> str:
        require(self.alice.me()["user_id"] == self.alice.session["user_id"], "she is another user")
        image = self.alice.image(self.form["image_id"])
        require(self.alice.download(image["image_url"]).content == self.photo, "her photograph does not load back")
        return "her account and her photograph"

    def anonymous(self) -> str:
        answer = self.alice.upload_anonymous(photograph(2, width=640, height=480))
        if answer.status_code == 404:
            return "no such route: the stack is in a later phase"
        require(answer.status_code == 201, f"it was answered {told(answer)}")
        return "201"


def run(outputs: Mapping[str, Any], *, state: State | None = None, console: Console | None = None) -> bool:
    """Take the journey through a deployed stack and print its table. True when every step passed.

    Args:
        outputs: of the stack.
        state: the folder of its local cloud; `.rendio` by default.
    """
    ports = read_json((state or State.default()).ports)
    apple, aws, fal = (daemons.url(ports[name]) for name in ("apple", "ministack", "fal"))
    places = Places(str(outputs["api_url"]), apple, aws, fal)
    outcomes = walk(Journey(places, outputs).steps)
    shown = console if console is not None else default_console()
    shown.print()
    shown.print(table(outcomes))
    passed = sum(outcome.passed is True for outcome in outcomes)
    total = sum(outcome.milliseconds for outcome in outcomes) / 1000
    shown.print(f"\n{passed} of {len(outcomes)} steps in {total:.1f} s", highlight=False)
    return passed == len(outcomes)
