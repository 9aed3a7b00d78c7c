"""CloudWatch: alarms, composite alarms, dashboards."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from local.provider.errors import Gone
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    given,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    tag_pairs,
    tags_of,
)
from local.provider.shapes import from_aws
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/cloudwatch/"
_ACTIONS = {"okActions": "OKActions"}


class AnyAlarm(Resource, abc.ABC):
    """An alarm; putting it again replaces it whole."""

    settable: ClassVar[tuple[str, ...]]
    renamed: ClassVar[dict[str, str]]
    answer: ClassVar[str]
    type: ClassVar[str]
    name: ClassVar[str]  # of the property that is its name

    @abc.abstractmethod
    def put(self, call: Call, arguments: dict[str, Any]) -> None: ...

    def create(self, call: Call, inputs: Inputs) -> str:
        name = str(inputs[self.name])
        self.put(call, {"AlarmName": name, "Tags": tag_pairs(inputs.get("tags")), **self.arguments(inputs)})
        return name

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        client = call.client("cloudwatch")
        listed = client.describe_alarms(AlarmNames=[identifier], AlarmTypes=[self.type])[self.answer]
        if not listed:
            raise Gone(f"There is no alarm {identifier}.")
        found = listed[0]
        tags = client.list_tags_for_resource(ResourceARN=found["AlarmArn"]).get("Tags")
        observed: Observed = {self.name: identifier, "arn": found["AlarmArn"], **tag_outputs(tags_of(tags))}
        for name in self.settable:
            value = found.get(self.renamed.get(name, name[:1].upper() + name[1:]))
            observed[name] = None if value in ("", []) else self.observed(name, value)
        return observed

    def observed(self, name: str, value: Any) -> Any:
        if name == "dimensions":
            return {pair["Name"]: pair["Value"] for pair in value or ()} or None
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        client = call.client("cloudwatch")
        with gone_if_missing():
            self.put(call, {"AlarmName": identifier, **self.arguments(new)})
            arn = f"arn:aws:cloudwatch:{call.aws.region}:{call.aws.account}:alarm:{identifier}"
            removed, added = tag_changes(old, new)
            if removed:
                client.untag_resource(ResourceARN=arn, TagKeys=removed)
            if added:
                client.tag_resource(ResourceARN=arn, Tags=tag_pairs(added))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("cloudwatch").delete_alarms(AlarmNames=[identifier])

    def find(self, call: Call, inputs: Inputs) -> str | None:
        """An alarm is put, not created, so this serves leftovers alone."""
        try:
            return str(self.read(call, str(inputs[self.name]), inputs)[self.name])
        except Gone:
            return None

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        arguments = {
            self.renamed.get(name, name[:1].upper() + name[1:]): inputs[name]
            for name in self.settable
            if inputs.get(name) is not None
        }
        if "Dimensions" in arguments:
            arguments["Dimensions"] = [
                {"Name": name, "Value": value} for name, value in arguments["Dimensions"].items()
            ]
        return arguments


class MetricAlarm(AnyAlarm):
    resource_type = "aws:cloudwatch/metricAlarm:MetricAlarm"
    settable = (
        "comparisonOperator", "evaluationPeriods", "datapointsToAlarm", "metricName", "namespace", "period",
        "statistic", "extendedStatistic", "threshold", "unit", "dimensions", "treatMissingData", "alarmDescription",
        "actionsEnabled",
        "alarmActions", "okActions", "insufficientDataActions", "metricQueries",
    )  # fmt: skip
    renamed: ClassVar[dict[str, str]] = {**_ACTIONS, "metricQueries": "Metrics"}
    answer, type, name = "MetricAlarms", "MetricAlarm", "name"
    twin = Twin(
        "AWS::CloudWatch::Alarm",
        names={"name": "AlarmName", "okActions": "OKActions", "metricQueries": "Metrics"},
        own={
            "dimensions": Own("a map, a list in CloudFormation", f"{_SOURCE}metric_alarm.go"),
            "metricQueries.metric": Own("flattened by the provider", f"{_SOURCE}metric_alarm.go"),
        },
    )
    handles = frozenset({"name", "tags", *settable})
    autoname = Autoname()

    def put(self, call: Call, arguments: dict[str, Any]) -> None:
        call.client("cloudwatch").put_metric_alarm(**arguments)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        arguments = super().arguments(inputs)
        if "Metrics" in arguments:
            arguments["Metrics"] = [_query(query) for query in arguments["Metrics"]]
        return arguments

    def observed(self, name: str, value: Any) -> Any:
        if name == "metricQueries":
            return [_observed_query(query) for query in value or ()] or None
        return super().observed(name, value)


class CompositeAlarm(AnyAlarm):
    resource_type = "aws:cloudwatch/compositeAlarm:CompositeAlarm"
    settable = (
        "alarmRule", "alarmDescription", "actionsEnabled", "alarmActions", "okActions", "insufficientDataActions",
    )  # fmt: skip
    renamed: ClassVar[dict[str, str]] = _ACTIONS
    answer, type, name = "CompositeAlarms", "CompositeAlarm", "alarmName"
    twin = Twin(
        "AWS::CloudWatch::CompositeAlarm",
        names={"okActions": "OKActions"},
        own={"actionsEnabled": Own("the provider replaces", f"{_SOURCE}composite_alarm.go", replaces=True)},
    )
    handles = frozenset({"alarmName", "tags", *settable})

    def put(self, call: Call, arguments: dict[str, Any]) -> None:
        call.client("cloudwatch").put_composite_alarm(**arguments)


class Dashboard(Resource):
    resource_type = "aws:cloudwatch/dashboard:Dashboard"
    twin = Twin("AWS::CloudWatch::Dashboard")
    handles = frozenset({"dashboardName", "dashboardBody"})
    documents = frozenset({"dashboardBody"})

    def create(self, call: Call, inputs: Inputs) -> str:
        self._put(call, inputs)
        return str(inputs["dashboardName"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("cloudwatch").get_dashboard(DashboardName=identifier)
        arn = f"arn:aws:cloudwatch::{call.aws.account}:dashboard/{identifier}"
        return {"dashboardName": identifier, "dashboardBody": found["DashboardBody"], "dashboardArn": arn}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        self._put(call, new)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("cloudwatch").delete_dashboards(DashboardNames=[identifier])

    @staticmethod
    def _put(call: Call, inputs: Inputs) -> None:
        call.client("cloudwatch").put_dashboard(
            DashboardName=inputs["dashboardName"], DashboardBody=inputs["dashboardBody"]
        )


def _query(query: Inputs) -> dict[str, Any]:
    """Pulumi's flat query as CloudWatch's MetricStat."""
    result = given(
        Id=query["id"],
        Expression=query.get("expression"),
        Label=query.get("label"),
        ReturnData=query.get("returnData"),
        Period=query.get("period") if query.get("expression") else None,
        AccountId=query.get("accountId"),
    )
    metric = query.get("metric")
    if metric:
        dimensions = [{"Name": name, "Value": value} for name, value in (metric.get("dimensions") or {}).items()]
        named = {
            "MetricName": metric["metricName"],
            "Dimensions": dimensions,
            **given(Namespace=metric.get("namespace")),
        }
        unit = given(Unit=metric.get("unit"))
        result["MetricStat"] = {"Metric": named, "Period": metric["period"], "Stat": metric["stat"], **unit}
    return result


def _observed_query(query: dict[str, Any]) -> dict[str, Any]:
    stat = query.get("MetricStat")
    result = from_aws({name: value for name, value in query.items() if name != "MetricStat"})
    if stat:
        metric = stat["Metric"]
        result["metric"] = given(
            metricName=metric["MetricName"],
            namespace=metric.get("Namespace"),
            dimensions={pair["Name"]: pair["Value"] for pair in metric.get("Dimensions", ())} or None,
            period=stat["Period"],
            stat=stat["Stat"],
            unit=stat.get("Unit"),
        )
    return dict(result)


RESOURCES: tuple[Resource, ...] = (MetricAlarm(), CompositeAlarm(), Dashboard())
