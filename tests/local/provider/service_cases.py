"""Functions, queues, topics, keys, secrets, the API, schedules, logs, alarms, what surrounds the database."""

from __future__ import annotations

import json

from tests.local.provider.world import CHANGED_TAGS, ROOT, TAGS, Case, archive, document

QUEUE_ARN = "arn:aws:sqs:us-east-1:000000000000:rendio-local-case-letters"

COMPUTE: dict[str, Case] = {
    "logs": Case(
        "aws:cloudwatch/logGroup:LogGroup",
        lambda _: {"name": "/aws/lambda/rendio-local-case", "retentionInDays": 7, "tags": TAGS},
        {"retentionInDays": 14, **CHANGED_TAGS},
        {"name": "/aws/lambda/rendio-local-other"},
    ),
    "query-definition": Case(
        "aws:cloudwatch/queryDefinition:QueryDefinition",
        lambda _: {"name": "rendio-local/case", "queryString": "fields @message", "logGroupNames": ["/aws/lambda/a"]},
        {"queryString": "fields @timestamp"},
        {},
    ),
    "function": Case(
        "aws:lambda/function:Function",
        lambda w: {
            "name": "rendio-local-case", "role": w["role"]["arn"], "runtime": w.runtime, "handler": "function.handler",
            "architectures": ["x86_64"], "code": archive(), "timeout": 10, "memorySize": 256, "publish": True,
            "environment": {"variables": {"STACK": "local"}}, "tags": TAGS, "description": "A case",
            "vpcConfig": {"subnetIds": [w["subnet"]["id"]], "securityGroupIds": [w["group"]["id"]]},
        },
        {"timeout": 20, "environment": {"variables": {"STACK": "local", "MORE": "1"}}, **CHANGED_TAGS},
        {"name": "rendio-local-other"},
    ),
    "invocation": Case(
        "aws:lambda/invocation:Invocation",
        lambda w: {"functionName": "rendio-local-case", "qualifier": w["function"]["version"],
                   "lifecycleScope": "CREATE_ONLY", "input": '{"model": {"a": 1}}'},
        None,
        {"input": '{"model": {"a": 2}}', "qualifier": "7", "functionName": "rendio-local-other"},
    ),
    "permission": Case(
        "aws:lambda/permission:Permission",
        lambda w: {"action": "lambda:InvokeFunction", "function": w["function"]["name"],
                   "principal": "s3.amazonaws.com", "sourceArn": w["bucket"]["arn"], "sourceAccount": "000000000000"},
        None,
        {"principal": "sns.amazonaws.com", "sourceArn": "arn:aws:s3:::other"},
    ),
    "queue": Case(
        "aws:sqs/queue:Queue",
        lambda _: {"name": "rendio-local-case-letters", "messageRetentionSeconds": 1209600,
                   "sqsManagedSseEnabled": True, "tags": TAGS},
        {"messageRetentionSeconds": 86400, **CHANGED_TAGS},
        {"name": "rendio-local-other"},
    ),
    "queue-policy": Case(
        "aws:sqs/queuePolicy:QueuePolicy",
        lambda w: {"queueUrl": w["queue"]["url"], "policy": document("sqs:SendMessage", QUEUE_ARN, **ROOT)},
        {"policy": document("sqs:ReceiveMessage", QUEUE_ARN, **ROOT)},
    ),
    "failures": Case(
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        lambda w: {"functionName": w["function"]["name"], "maximumRetryAttempts": 2, "maximumEventAgeInSeconds": 3600,
                   "destinationConfig": {"onFailure": {"destination": w["queue"]["arn"]}}},
        {"maximumRetryAttempts": 1},
        {"functionName": "rendio-local-other"},
    ),
    "source": Case(
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        lambda w: {"eventSourceArn": w["queue"]["arn"], "functionName": w["function"]["arn"], "batchSize": 5,
                   "functionResponseTypes": ["ReportBatchItemFailures"], "tags": TAGS},
        {"batchSize": 3, **CHANGED_TAGS},
        {"eventSourceArn": "arn:aws:sqs:us-east-1:000000000000:other"},
    ),
    "alias": Case(
        "aws:lambda/alias:Alias",
        lambda w: {"name": "live", "functionName": w["function"]["name"], "functionVersion": w["function"]["version"]},
        {"description": "What the API calls"},
        {"name": "other"},
    ),
    "notification": Case(
        "aws:s3/bucketNotification:BucketNotification",
        lambda w: {"bucket": w["bucket"]["bucket"], "lambdaFunctions": [
            {"id": "inspect", "lambdaFunctionArn": w["function"]["arn"], "events": ["s3:ObjectCreated:*"],
             "filterPrefix": "in/"}
        ]},
    ),
}  # fmt: skip

SECURITY: dict[str, Case] = {
    "key": Case(
        "aws:kms/key:Key",
        lambda _: {"description": "Signs", "keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "RSA_2048",
                   "deletionWindowInDays": 7, "policy": document("kms:*", "*", **ROOT), "tags": TAGS},
        {"description": "Signs tokens", **CHANGED_TAGS},
        {"customerMasterKeySpec": "RSA_4096"},
    ),
    "key-alias": Case(
        "aws:kms/alias:Alias",
        lambda w: {"name": "alias/rendio-local-case", "targetKeyId": w["key"]["keyId"]},
        None,
        {"name": "alias/rendio-local-other"},
    ),
    "secret": Case(
        "aws:secretsmanager/secret:Secret",
        lambda _: {"name": "rendio/local/case", "description": "A case", "recoveryWindowInDays": 0, "tags": TAGS},
        {"description": "Another", **CHANGED_TAGS},
        {"name": "rendio/local/other"},
    ),
}  # fmt: skip

API: dict[str, Case] = {
    "api": Case(
        "aws:apigatewayv2/api:Api",
        lambda _: {"name": "rendio-local-case", "protocolType": "HTTP", "description": "A case", "tags": TAGS},
        {"description": "Another", **CHANGED_TAGS},
        {"protocolType": "WEBSOCKET"},
    ),
    "authorizer": Case(
        "aws:apigatewayv2/authorizer:Authorizer",
        lambda w: {"apiId": w["api"]["id"], "name": "session", "authorizerType": "REQUEST",
                   "authorizerUri": w["function"]["invokeArn"], "authorizerPayloadFormatVersion": "2.0",
                   "enableSimpleResponses": True, "authorizerResultTtlInSeconds": 300,
                   "identitySources": ["$request.header.Authorization"]},
        {"authorizerResultTtlInSeconds": 60},
        {"apiId": "other"},
    ),
    "integration": Case(
        "aws:apigatewayv2/integration:Integration",
        lambda w: {"apiId": w["api"]["id"], "integrationType": "AWS_PROXY",
                   "integrationUri": w["function"]["invokeArn"],
                   "payloadFormatVersion": "2.0", "timeoutMilliseconds": 12000},
        {"timeoutMilliseconds": 6000},
        {"apiId": "other"},
    ),
    "api-route": Case(
        "aws:apigatewayv2/route:Route",
        lambda w: {"apiId": w["api"]["id"], "routeKey": "GET /v1/me",
                   "target": f"integrations/{w['integration']['id']}", "authorizationType": "CUSTOM",
                   "authorizerId": w["authorizer"]["id"]},
        {"routeKey": "GET /v1/you"},
        {"apiId": "other"},
    ),
    "stage": Case(
        "aws:apigatewayv2/stage:Stage",
        lambda w: {"apiId": w["api"]["id"], "name": "$default", "autoDeploy": True, "tags": TAGS,
                   "accessLogSettings": {"destinationArn": w["logs"]["arn"], "format": '{"a":"$context.requestId"}'},
                   "defaultRouteSettings": {"throttlingRateLimit": 100, "throttlingBurstLimit": 200},
                   "routeSettings": [{"routeKey": "GET /v1/me", "throttlingRateLimit": 1, "throttlingBurstLimit": 2}]},
        {"defaultRouteSettings": {"throttlingRateLimit": 50, "throttlingBurstLimit": 60}, **CHANGED_TAGS},
        {"name": "other"},
    ),
}  # fmt: skip

OPERATIONS: dict[str, Case] = {
    "schedule-group": Case(
        "aws:scheduler/scheduleGroup:ScheduleGroup",
        lambda _: {"name": "rendio-local-case", "tags": TAGS},
        CHANGED_TAGS,
        {"name": "other"},
    ),
    "schedule": Case(
        "aws:scheduler/schedule:Schedule",
        lambda w: {"name": "sweep", "groupName": w["schedule-group"]["name"], "scheduleExpression": "rate(1 minute)",
                   "flexibleTimeWindow": {"mode": "OFF"}, "state": "DISABLED",
                   "target": {"arn": w["function"]["arn"], "roleArn": w["role"]["arn"], "input": "{}",
                              "retryPolicy": {"maximumRetryAttempts": 1, "maximumEventAgeInSeconds": 60},
                              "deadLetterConfig": {"arn": w["queue"]["arn"]}}},
        {"scheduleExpression": "rate(2 minutes)"},
        {"name": "other", "groupName": "other"},
    ),
    "topic": Case(
        "aws:sns/topic:Topic", lambda _: {"name": "rendio-local-case", "tags": TAGS}, CHANGED_TAGS, {"name": "other"}
    ),
    "topic-policy": Case(
        "aws:sns/topicPolicy:TopicPolicy",
        lambda w: {"arn": w["topic"]["arn"], "policy": document("sns:Publish", w["topic"]["arn"], **ROOT)},
        {"policy": document("sns:Subscribe", "arn:aws:sns:us-east-1:000000000000:rendio-local-case", **ROOT)},
        {"arn": "arn:aws:sns:us-east-1:000000000000:other"},
    ),
    "subscription": Case(
        "aws:sns/topicSubscription:TopicSubscription",
        lambda w: {"topic": w["topic"]["arn"], "protocol": "sqs", "endpoint": w["queue"]["arn"]},
        {"rawMessageDelivery": True},
        {"endpoint": QUEUE_ARN + "-other", "protocol": "https"},
    ),
    "alarm": Case(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        lambda w: {"name": "rendio-local-case", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1,
                   "metricName": "SessionOpenFailed", "namespace": "Rendio", "period": 60, "statistic": "Sum",
                   "threshold": 0, "dimensions": {"stack": "local"}, "treatMissingData": "notBreaching",
                   "alarmDescription": "A case", "alarmActions": [w["topic"]["arn"]], "tags": TAGS},
        {"threshold": 5},
        {"name": "other"},
    ),
    "composite-alarm": Case(
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        lambda _: {"alarmName": "rendio-local-both", "alarmRule": "ALARM(rendio-local-case)"},
        {"alarmDescription": "Both"},
        {"alarmName": "other"},
    ),
    "dashboard": Case(
        "aws:cloudwatch/dashboard:Dashboard",
        lambda _: {"dashboardName": "rendio-local", "dashboardBody": json.dumps({"widgets": []})},
        {"dashboardBody": json.dumps({"widgets": [], "start": "-PT6H"})},
        {"dashboardName": "other"},
    ),
    "subnet-group": Case(
        "aws:rds/subnetGroup:SubnetGroup",
        lambda w: {"description": "Private", "subnetIds": [w["subnet"]["id"], w["other-subnet"]["id"]], "tags": TAGS},
        CHANGED_TAGS,
        {"name": "other"},
    ),
    "parameter-group": Case(
        "aws:rds/parameterGroup:ParameterGroup",
        lambda _: {"description": "Postgres", "family": "postgres18", "tags": TAGS,
                   "parameters": [{"name": "rds.force_ssl", "value": "1"}, {"name": "log_statement", "value": "none"}]},
        {"parameters": [{"name": "rds.force_ssl", "value": "1"}, {"name": "log_statement", "value": "ddl"},
                        {"name": "max_connections", "value": "100", "applyMethod": "pending-reboot"}]},
        {"family": "postgres17", "description": "Other"},
    ),
}  # fmt: skip
