"""A session token opens something only if it is ours, for us, and valid now."""

from __future__ import annotations

import hashlib
import hmac
import time
import uuid
from collections.abc import Callable

import pytest
from joserfc.jwk import RSAKey

from lambdas.device_check.sessions import KmsSessions, SessionSettings
from lambdas.runtime.tokens import KeyUnreachable, PublicKeys, TokenRefused, Verifier
from tests.unit.lambdas.keys import AUDIENCE, ISSUER, KEY_ID, SigningKey, b64, unsigned


@pytest.fixture
def verifier(ours: SigningKey) -> Verifier:
    return Verifier(ISSUER, AUDIENCE, PublicKeys({KEY_ID: "arn"}, lambda _: ours.public_der))


def sessions(key: SigningKey, *, lifetime: int = 3600) -> KmsSessions:
    return KmsSessions(SessionSettings(ISSUER, AUDIENCE, lifetime, KEY_ID, "arn"), key.sign)


@pytest.mark.plan("M1")
def test_what_device_check_signs_the_authorizer_accepts(verifier: Verifier, ours: SigningKey) -> None:
    auth_user_id = uuid.uuid4()
    session = sessions(ours).open(auth_user_id)
    claims = verifier.verify(session.token)
    assert (claims.sub, claims.is_anonymous) == (auth_user_id, True)
    assert claims.exp == int(session.expires_at.timestamp())


def test_two_sessions_of_one_user_differ_by_their_id(verifier: Verifier, ours: SigningKey) -> None:
    user = uuid.uuid4()
    first, second = (verifier.verify(sessions(ours).open(user).token) for _ in range(2))
    assert first.jti != second.jti


def test_the_token_made_by_hand_in_these_tests_is_accepted(verifier: Verifier, ours: SigningKey) -> None:
    """The twin of every refusal below: they differ from this one in one thing each."""
    verifier.verify(ours.token())


def hs256_with_public_key(ours: SigningKey, _: SigningKey) -> str:
    message = unsigned({"alg": "HS256", "kid": KEY_ID, "typ": "JWT"})
    return f"{message}.{b64(hmac.digest(ours.public_pem, message.encode(), hashlib.sha256))}"


def own_key_in_header(_: SigningKey, attackers: SigningKey) -> str:
    public = RSAKey.import_key(attackers.public_der).as_dict(private=False)
    return attackers.token({"jwk": {"kty": "RSA", "n": public["n"], "e": public["e"]}})


def tampered(ours: SigningKey, _: SigningKey) -> str:
    header, _payload, signature = ours.token().split(".")
    return f"{header}.{unsigned({}).split('.')[1]}.{signature}"


REFUSED: dict[str, Callable[[SigningKey, SigningKey], str]] = {
    "alg none": lambda *_: unsigned({"alg": "none", "kid": KEY_ID}) + ".",
    "alg none with a signature": lambda ours, _: (
        f"{unsigned({'alg': 'none', 'kid': KEY_ID})}.{b64(ours.sign('', b'x'))}"
    ),
    "HS256 with the public key": hs256_with_public_key,
    "RS512": lambda ours, _: ours.token({"alg": "RS512"}),
    "the attacker's key under our kid": lambda _, attackers: attackers.token(),
    "the attacker's key in the header (jwk)": own_key_in_header,
    "a key's address in the header (jku)": lambda ours, _: ours.token({"jku": "https://evil.test/jwks.json"}),
    "a certificate's address in the header (x5u)": lambda ours, _: ours.token({"x5u": "https://evil.test/c.pem"}),
    "a critical header we do not know": lambda ours, _: ours.token({"crit": ["b64"], "b64": False}),
    "unknown kid": lambda ours, _: ours.token({"kid": "2019z"}),
    "kid that is no text": lambda ours, _: ours.token({"kid": 7}),
    "no kid": lambda ours, _: ours.token({"kid": None}),
    "another issuer": lambda ours, _: ours.token(iss="https://other.test"),
    "no issuer": lambda ours, _: ours.token(iss=None),
    "another audience": lambda ours, _: ours.token(aud="rendio-prod"),
    "no audience": lambda ours, _: ours.token(aud=None),
    "expired": lambda ours, _: ours.token(exp=int(time.time()) - 1),
    "no end": lambda ours, _: ours.token(exp=None),
    "an end that is no number": lambda ours, _: ours.token(exp="never"),
    "an end that is NaN": lambda ours, _: ours.token(exp=float("nan")),
    "issued in the future": lambda ours, _: ours.token(iat=int(time.time()) + 120),
    "no time of issue": lambda ours, _: ours.token(iat=None),
    "subject that is no UUID": lambda ours, _: ours.token(sub="../images"),
    "subject in another spelling": lambda ours, _: ours.token(sub=str(uuid.uuid4()).upper()),
    "no subject": lambda ours, _: ours.token(sub=None),
    "another role": lambda ours, _: ours.token(role="service_role"),
    "no role": lambda ours, _: ours.token(role=None),
    "tampered payload": tampered,
    "no signature": lambda ours, _: ours.token().rsplit(".", 1)[0] + ".",
    "five parts": lambda ours, _: ours.token() + ".a.b",
    "huge": lambda ours, _: ours.token(jti="x" * 5000),
    "not ASCII": lambda *_: "é.é.é",
    "empty": lambda *_: "",
}


@pytest.mark.plan("M3")
@pytest.mark.parametrize("forge", REFUSED.values(), ids=REFUSED.keys())
def test_every_other_token_is_refused(
    verifier: Verifier, ours: SigningKey, attackers: SigningKey, forge: Callable[[SigningKey, SigningKey], str]
) -> None:
    with pytest.raises(TokenRefused):
        verifier.verify(forge(ours, attackers))


def test_a_clock_that_is_a_little_ahead_is_forgiven(verifier: Verifier, ours: SigningKey) -> None:
    verifier.verify(ours.token(iat=int(time.time()) + 10))


def test_a_refusal_does_not_quote_the_token(verifier: Verifier, attackers: SigningKey) -> None:
    token = attackers.token()
    with pytest.raises(TokenRefused) as refused:
        verifier.verify(token)
    assert token.split(".")[1] not in str(refused.value)


def test_during_a_rotation_tokens_of_both_keys_are_good_and_die_with_their_key(
    ours: SigningKey, attackers: SigningKey
) -> None:
    ring = {"old-arn": ours.public_der, "new-arn": attackers.public_der}
    both = Verifier(ISSUER, AUDIENCE, PublicKeys({"old": "old-arn", "new": "new-arn"}, ring.__getitem__))
    old, new = ours.token({"kid": "old"}), attackers.token({"kid": "new"})
    both.verify(old)
    both.verify(new)
    after = Verifier(ISSUER, AUDIENCE, PublicKeys({"new": "new-arn"}, ring.__getitem__))
    after.verify(new)
    with pytest.raises(TokenRefused):
        after.verify(old)


def test_a_key_that_cannot_be_read_leaves_the_others_good_and_is_read_later(ours: SigningKey) -> None:
    reachable = {"good-arn": ours.public_der}
    keys = PublicKeys({"good": "good-arn", "gone": "gone-arn"}, reachable.__getitem__)
    verifier = Verifier(ISSUER, AUDIENCE, keys)
    verifier.verify(ours.token({"kid": "good"}))
    with pytest.raises(KeyUnreachable):
        verifier.verify(ours.token({"kid": "gone"}))
    reachable["gone-arn"] = ours.public_der
    verifier.verify(ours.token({"kid": "gone"}))


def test_keys_are_read_once(ours: SigningKey) -> None:
    reads: list[str] = []

    def fetch(arn: str) -> bytes:
        reads.append(arn)
        return ours.public_der

    verifier = Verifier(ISSUER, AUDIENCE, PublicKeys({KEY_ID: "arn"}, fetch))
    for _ in range(3):
        verifier.verify(ours.token())
    assert reads == ["arn"]
