"""S3: whom a bucket tells of what happens to its objects."""

from __future__ import annotations

from typing import Any, ClassVar

from local.provider.bucket_setting import BUCKET, BucketSetting
from local.provider.errors import Gone
from local.provider.kind import Inputs, Observed
from local.provider.twins import Own, Twin

_ID = Own("CloudFormation has no id for a configuration", "S3 API, LambdaFunctionConfiguration.Id")
_EVENTS = Own("CloudFormation takes one event each, S3 a list", "S3 API, LambdaFunctionConfiguration.Events")


def _twin() -> Twin:
    names = {**BUCKET, "eventbridge": "NotificationConfiguration/EventBridgeConfiguration/EventBridgeEnabled"}
    own: dict[str, Own] = {}
    for kind, arn, target in (
        ("lambdaFunctions", "lambdaFunctionArn", "Lambda"),
        ("queues", "queueArn", "Queue"),
        ("topics", "topicArn", "Topic"),
    ):
        base = f"NotificationConfiguration/{target}Configurations"
        names[kind] = base
        names[f"{kind}.{arn}"] = f"{base}/*/{'Function' if target == 'Lambda' else target}"
        names[f"{kind}.filterPrefix"] = names[f"{kind}.filterSuffix"] = f"{base}/*/Filter/S3Key/Rules/*/Value"
        own |= {f"{kind}.id": _ID, f"{kind}.events": _EVENTS}
    return Twin("AWS::S3::Bucket", names, own)


class BucketNotification(BucketSetting):
    """S3 keeps one configuration a bucket: a second resource of this type would overwrite the first."""

    resource_type = "aws:s3/bucketNotification:BucketNotification"
    _kinds: ClassVar = {
        "lambdaFunctions": ("LambdaFunctionConfigurations", "lambdaFunctionArn", "LambdaFunctionArn"),
        "queues": ("QueueConfigurations", "queueArn", "QueueArn"),
        "topics": ("TopicConfigurations", "topicArn", "TopicArn"),
    }
    twin = _twin()
    handles = frozenset({"bucket", "eventbridge", *_kinds})

    def put(self, s3: Any, bucket: str, inputs: Inputs) -> None:
        configuration: dict[str, Any] = {}
        for kind, (name, arn, target) in self._kinds.items():
            if inputs.get(kind):
                configuration[name] = [_notification(item, arn, target) for item in inputs[kind]]
        if inputs.get("eventbridge"):
            configuration["EventBridgeConfiguration"] = {}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)

    def get(self, s3: Any, bucket: str) -> Observed:
        found = s3.get_bucket_notification_configuration(Bucket=bucket)
        observed: Observed = {"eventbridge": "EventBridgeConfiguration" in found or None}
        for kind, (name, arn, target) in self._kinds.items():
            observed[kind] = [_observed_notification(item, arn, target) for item in found.get(name, ())] or None
        if not any(observed.values()):
            raise Gone(f"{bucket} notifies nobody.")
        return observed

    def unset(self, s3: Any, bucket: str) -> None:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})


def _notification(item: Inputs, arn: str, target: str) -> dict[str, Any]:
    rules = [
        {"Name": name, "Value": item[key]}
        for name, key in (("prefix", "filterPrefix"), ("suffix", "filterSuffix"))
        if item.get(key)
    ]
    result: dict[str, Any] = {target: item[arn], "Events": list(item["events"])}
    if item.get("id"):
        result["Id"] = item["id"]
    if rules:
        result["Filter"] = {"Key": {"FilterRules": rules}}
    return result


def _observed_notification(item: Inputs, arn: str, target: str) -> Observed:
    rules = {
        rule["Name"].lower(): rule["Value"] for rule in item.get("Filter", {}).get("Key", {}).get("FilterRules", ())
    }
    found = {
        arn: item[target],
        "events": sorted(item["Events"]),
        "id": item.get("Id"),
        "filterPrefix": rules.get("prefix"),
        "filterSuffix": rules.get("suffix"),
    }
    return {name: value for name, value in found.items() if value is not None}
