"""The catalogue's alarms on AWS, each with its action, its runbook and what silence means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pulumi
import pulumi_aws as aws

from infra.alarm_catalogue import Watched, catalogue
from infra.alarm_model import Alarm, Generated, Math, Metric, Severity
from infra.config import Config
from infra.function_catalogue import deployed
from infra.names import FunctionId, Names
from infra.schedules import RUNS
from infra.video_migration_queue import worker_timeout

# What is told on from an alarm that another hides: the measuring one keeps quiet under this name.
HIDDEN = "MEASURED"
LATELY = "LATELY"


def watched(names: Names, config: Config) -> Watched:
    """What there is to watch on a stack; known before anything exists."""

    def timeout(spec_id: str, seconds: int) -> int:
        return worker_timeout(config.video_migration) if spec_id == "migrate_video" else seconds

    # They go on until their time is nearly up, and leave the rest to the next run.
    use_their_time = {FunctionId.CLEAN_VIDEOS, FunctionId.CLEAN_IMAGES, FunctionId.CLEAN_IDENTITIES}
    return Watched(
        functions={
            spec.id.replace("_", "-"): timeout(spec.id, spec.timeout)
            for spec in deployed(config.rollout.image_uploads)
            if spec.id not in use_their_time
        },
        schedules={run.name: (str(run.function), run.rate) for run in RUNS},
        queues=("video-migration",),
        dead_letters=("inspect-image-dlq", "make-thumbnail-dlq", "schedules-dlq", "video-migration-dlq"),
        nat_gateways=tuple(config.network.zones[: config.network.nat_gateways]),
        database=names.database,
        database_storage_gb=config.database.storage_gb,
        database_connections=config.database.max_connections,
        schedule_group=names.schedule_group,
        users_a_day=config.on_call.users_a_day,
        videos_a_day=config.on_call.videos_a_day,
    )


class Alarms(pulumi.ComponentResource):
    """Every alarm of the catalogue. One that another hides is two: one that measures, and one that acts while the
    other is off."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: Config,
        topics: Mapping[Severity, pulumi.Output[str]],
        generated: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:alarms:Alarms", resource_name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._names, self._topics, self._generated = names, topics, generated
        self._runbooks = config.on_call.runbooks_url
        self.all = catalogue(watched(names, config))
        made: dict[str, pulumi.Resource] = {}
        for alarm in self.all:
            measured = self._metric_alarm(alarm)
            made[alarm.name] = measured
            if alarm.remembered:
                lately = replace(alarm, instance=LATELY, window=alarm.remembered)
                made[lately.name] = self._metric_alarm(lately, acting=False)
            if alarm.hidden_by:
                self._composite(alarm, after=[measured, *(made[cause] for cause in self._causes(alarm))])
        self.register_outputs({})

    def description(self, alarm: Alarm) -> str:
        """What a page says: the symptom, and where to read on (lambdas/page_on_call/logic.py takes it apart)."""
        return f"{alarm.symptom}\nRunbook: {self._runbooks}/{alarm.id}.md"

    def _causes(self, alarm: Alarm) -> list[str]:
        """The names of what hides it. A notification can wait for longer than a page until all is made up for."""
        remembered = any(other.id == alarm.hidden_by and other.remembered for other in self.all)
        lately = remembered and alarm.severity is Severity.NOTIFY
        return [alarm.hidden_by, *([f"{alarm.hidden_by}-{LATELY}"] if lately else [])]

    def _metric_alarm(self, alarm: Alarm, *, acting: bool = True) -> aws.cloudwatch.MetricAlarm:
        acting = acting and not alarm.hidden_by
        name = alarm.name if acting else f"{alarm.name}-{HIDDEN}"
        topic = self._topics[alarm.severity]
        watch = alarm.judged
        single = watch if isinstance(watch, Metric) else None
        percentile = single is not None and single.statistic.startswith("p")
        return aws.cloudwatch.MetricAlarm(
            name,
            name=self._names.alarm(name),
            alarm_description=self.description(alarm),
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            evaluation_periods=alarm.window.periods,
            datapoints_to_alarm=alarm.window.datapoints or alarm.window.periods,
            treat_missing_data=alarm.missing.treatment,
            namespace=single.namespace if single else None,
            metric_name=single.name if single else None,
            dimensions=self._dimensions(single) if single else None,
            statistic=single.statistic if single and not percentile else None,
            extended_statistic=single.statistic if single and percentile else None,
            period=alarm.window.seconds if single else None,
            metric_queries=self._queries(watch, alarm.window.seconds) if isinstance(watch, Math) else None,
            alarm_actions=[topic] if acting else None,
            ok_actions=[topic] if acting else None,
            tags=self._names.tags,
            opts=self._child,
        )

    def _composite(self, alarm: Alarm, *, after: list[pulumi.Resource]) -> None:
        topic = self._topics[alarm.severity]
        measured = self._names.alarm(f"{alarm.name}-{HIDDEN}")
        first, *more = self._causes(alarm)
        causes = [first, *(f"{name}-{HIDDEN}" for name in more)]
        quiet = " ".join(f'AND NOT ALARM("{self._names.alarm(cause)}")' for cause in causes)
        aws.cloudwatch.CompositeAlarm(
            alarm.name,
            alarm_name=self._names.alarm(alarm.name),
            alarm_description=self.description(alarm),
            alarm_rule=f'ALARM("{measured}") {quiet}',
            alarm_actions=[topic],
            ok_actions=[topic],
            tags=self._names.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _queries(self, math: Math, period: int) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgsDict]:
        queries: list[aws.cloudwatch.MetricAlarmMetricQueryArgsDict] = [
            {"id": "watched", "expression": math.expression, "label": "watched", "return_data": True}
        ]
        for identifier, metric in math.metrics.items():
            queries.append(
                {
                    "id": identifier,
                    "return_data": False,
                    "metric": {
                        "namespace": metric.namespace,
                        "metric_name": metric.name,
                        "dimensions": self._dimensions(metric),
                        "period": period,
                        "stat": metric.statistic,
                    },
                }
            )
        return queries

    def _dimensions(self, metric: Metric) -> dict[str, pulumi.Input[str]]:
        return {
            name: self._generated[value.what]
            if isinstance(value, Generated)
            else value.format(stack=self._names.stack, prefix=self._names.prefix)
            for name, value in metric.dimensions.items()
        }
