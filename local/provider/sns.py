"""SNS: topics, their policies, and who is subscribed."""

from __future__ import annotations

from typing import Any, ClassVar

from local.provider.errors import Gone
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    tag_pairs,
    tags_of,
)
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/sns/"
_TEXT = Own("JSON text here, an object in CloudFormation", f"{_SOURCE}topic_subscription.go")


class Topic(Resource):
    resource_type = "aws:sns/topic:Topic"
    _attributes: ClassVar = {"displayName": "DisplayName", "kmsMasterKeyId": "KmsMasterKeyId"}
    twin = Twin("AWS::SNS::Topic", names={"name": "TopicName"})
    handles = frozenset({"name", "tags", *_attributes})
    autoname = Autoname(longest=256)

    def create(self, call: Call, inputs: Inputs) -> str:
        attributes = {attribute: inputs[name] for name, attribute in self._attributes.items() if inputs.get(name)}
        made = call.client("sns").create_topic(
            Name=inputs["name"], Attributes=attributes, Tags=tag_pairs(inputs.get("tags"))
        )
        return str(made["TopicArn"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        sns = call.client("sns")
        with gone_if_missing():
            found = sns.get_topic_attributes(TopicArn=identifier)["Attributes"]
            tags = sns.list_tags_for_resource(ResourceArn=identifier).get("Tags")
        return {
            "name": identifier.rpartition(":")[2],
            "arn": identifier,
            "owner": found.get("Owner") or call.aws.account,
            **{name: found.get(attribute) or None for name, attribute in self._attributes.items()},
            **tag_outputs(tags_of(tags)),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        sns = call.client("sns")
        with gone_if_missing():
            for name, attribute in self._attributes.items():
                if old.get(name) != new.get(name):
                    sns.set_topic_attributes(
                        TopicArn=identifier, AttributeName=attribute, AttributeValue=new.get(name) or ""
                    )
            removed, added = tag_changes(old, new)
            if removed:
                sns.untag_resource(ResourceArn=identifier, TagKeys=removed)
            if added:
                sns.tag_resource(ResourceArn=identifier, Tags=tag_pairs(added))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("sns").delete_topic(TopicArn=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        """The creation of a topic is idempotent by name, so this serves leftovers alone."""
        identifier = f"arn:aws:sns:{call.aws.region}:{call.aws.account}:{inputs['name']}"
        try:
            self.read(call, identifier, inputs)
        except Gone:
            return None
        return identifier


class TopicPolicy(Resource):
    resource_type = "aws:sns/topicPolicy:TopicPolicy"
    twin = Twin("AWS::SNS::TopicInlinePolicy", names={"arn": "TopicArn", "policy": "PolicyDocument"})
    handles = frozenset({"arn", "policy"})
    documents = frozenset({"policy"})

    def create(self, call: Call, inputs: Inputs) -> str:
        self._set(call, str(inputs["arn"]), str(inputs["policy"]))
        return str(inputs["arn"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("sns").get_topic_attributes(TopicArn=identifier)["Attributes"]
        if not found.get("Policy"):
            raise Gone(f"{identifier} has no policy.")
        return {"arn": identifier, "policy": found["Policy"], "owner": found.get("Owner") or call.aws.account}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            self._set(call, identifier, str(new["policy"]))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        """A topic always has a policy: the provider goes back to the owner's own."""
        account = identifier.split(":")[4]
        default = (
            '{"Version":"2012-10-17","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow","Principal":{"AWS":"*"},'
            '"Action":["SNS:Publish","SNS:Subscribe"],"Resource":"%s","Condition":{"StringEquals":{"AWS:SourceOwner":"%s"}}}]}'
        )
        with ignore_missing():
            self._set(call, identifier, default % (identifier, account))

    @staticmethod
    def _set(call: Call, arn: str, policy: str) -> None:
        call.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)


class TopicSubscription(Resource):
    resource_type = "aws:sns/topicSubscription:TopicSubscription"
    _attributes: ClassVar = {
        "filterPolicy": "FilterPolicy",
        "filterPolicyScope": "FilterPolicyScope",
        "rawMessageDelivery": "RawMessageDelivery",
        "redrivePolicy": "RedrivePolicy",
    }
    twin = Twin(
        "AWS::SNS::Subscription",
        names={"topic": "TopicArn"},
        own={
            "filterPolicy": _TEXT,
            "redrivePolicy": _TEXT,
            "endpointAutoConfirms": Own("a switch of the provider", f"{_SOURCE}topic_subscription.go"),
            "confirmationTimeoutInMinutes": Own("a switch of the provider", f"{_SOURCE}topic_subscription.go"),
        },
    )
    handles = frozenset(
        {"topic", "protocol", "endpoint", "endpointAutoConfirms", "confirmationTimeoutInMinutes", *_attributes}
    )
    unreadable = frozenset({"endpointAutoConfirms", "confirmationTimeoutInMinutes"})
    documents = frozenset({"filterPolicy", "redrivePolicy"})

    def create(self, call: Call, inputs: Inputs) -> str:
        made = call.client("sns").subscribe(
            TopicArn=inputs["topic"],
            Protocol=inputs["protocol"],
            Endpoint=inputs["endpoint"],
            Attributes=self._wanted(inputs),
            ReturnSubscriptionArn=True,
        )
        return str(made["SubscriptionArn"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("sns").get_subscription_attributes(SubscriptionArn=identifier)["Attributes"]
        return {
            "arn": identifier,
            "topic": found["TopicArn"],
            "protocol": found["Protocol"],
            "endpoint": found["Endpoint"],
            "ownerId": found.get("Owner") or call.aws.account,
            "pendingConfirmation": found.get("PendingConfirmation") == "true",
            "rawMessageDelivery": found.get("RawMessageDelivery") == "true",
            "filterPolicy": found.get("FilterPolicy") or None,
            "redrivePolicy": found.get("RedrivePolicy") or None,
            "filterPolicyScope": found.get("FilterPolicyScope") or known.get("filterPolicyScope"),
        }

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        before, after = self._wanted(old), self._wanted(new)
        with gone_if_missing():
            for name in {*before, *after}:
                if before.get(name) != after.get(name):
                    call.client("sns").set_subscription_attributes(
                        SubscriptionArn=identifier, AttributeName=name, AttributeValue=after.get(name, "")
                    )

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("sns").unsubscribe(SubscriptionArn=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            with gone_if_missing():
                pages = (
                    call.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=inputs["topic"])
                )
                for page in pages:
                    for found in page["Subscriptions"]:
                        if (found["Protocol"], found["Endpoint"]) != (inputs["protocol"], inputs["endpoint"]):
                            continue
                        arn = str(found["SubscriptionArn"])
                        # A listing hides the name of what waits for its confirmation; Subscribe tells it again.
                        return arn if arn.startswith("arn:") else None
        except Gone:
            return None
        return None

    def _wanted(self, inputs: Inputs) -> dict[str, Any]:
        return {
            attribute: str(inputs[name]).lower() if isinstance(inputs[name], bool) else str(inputs[name])
            for name, attribute in self._attributes.items()
            if inputs.get(name) is not None
        }


RESOURCES: tuple[Resource, ...] = (Topic(), TopicPolicy(), TopicSubscription())
