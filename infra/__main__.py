"""RendioAI's back end on AWS, top to bottom."""

import gc
import sys
from pathlib import Path

if __name__ == "__main__":
    # The AWS SDK makes thousands of classes that live as long as the program, which is seconds: looking for garbage
    # among them would take a tenth of that.
    gc.disable()
    # Pulumi runs this folder as a program and puts it first on the search path. There, infra/secrets.py would take
    # the place of Python's own `secrets`, and policies/ would not be found: so the project's root goes first instead,
    # and nothing has to be installed but requirements.txt.
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parent), *(entry for entry in sys.path if Path(entry).resolve() != _HERE)]


import pulumi

from infra.access_expected import expected_file
from infra.access_model import AccessModelInput
from infra.alarm_model import Severity
from infra.alarms import Alarms
from infra.api import Api, Routes
from infra.config import Config, load_config
from infra.dashboard import Dashboard
from infra.database import AccessModel, Database
from infra.functions import Functions, Packages
from infra.log_queries import LogQueries
from infra.names import FunctionId, Names
from infra.network import Network
from infra.object_events import ObjectEvents, image_uploads, migrated_videos
from infra.on_call import OnCall, Pager
from infra.on_call_access import OnCallAccess
from infra.outputs import stack_outputs
from infra.packaging import ZipPackages
from infra.schedules import Schedules
from infra.secrets import Secrets
from infra.sessions import Sessions
from infra.storage import Storage
from infra.video_migration import VideoMigration
from infra.video_migration_queue import VideoMigrationQueue
from policies.model.documents import Documents


def back_end(config: Config, model: AccessModelInput, packages: Packages) -> dict[str, pulumi.Input[str]]:
    """Everything there is on one stack, in the order in which data reaches it; the answer is the stack's outputs."""
    names = Names.of(config)  # each physical name and ARN, known before anything exists
    documents = Documents(names.context())  # every policy, rendered from those names

    network = Network("network", names=names, config=config.network, documents=documents)
    storage = Storage("storage", names=names, config=config.storage, documents=documents)
    database = Database(
        "database", names=names, config=config.database, log_days=config.functions.log_days, network=network
    )
    secrets = Secrets("secrets", names=names, config=config.secrets)
    api = Api("api", names=names)
    sessions = Sessions("sessions", names=names, config=config.sessions, documents=documents, api_url=api.url)
    video_migrations = VideoMigrationQueue(
        "video-migration-queue", names=names, config=config.video_migration, documents=documents
    )
    on_call = OnCall("on-call", names=names, config=config.on_call, documents=documents)
    functions = Functions(
        "functions",
        names=names,
        config=config,
        documents=documents,
        packages=packages,
        network=network,
        storage=storage,
        database=database,
        sessions=sessions,
        secrets=secrets,
        api_url=api.url,
        video_migrations=video_migrations,
        on_call=on_call.ready,
    )
    access_model = AccessModel(
        "access-model",
        names=names,
        model=model.as_input(),
        database=database,
        database_admin=functions[FunctionId.DATABASE_ADMIN],
    )
    Routes(
        "routes",
        names=names,
        image_uploads=config.rollout.image_uploads,
        log_days=config.functions.log_days,
        api=api,
        functions=functions,
    )
    VideoMigration(
        "video-migration",
        names=names,
        config=config.video_migration,
        queue=video_migrations,
        migrate_video=functions[FunctionId.MIGRATE_VIDEO],
    )
    ObjectEvents(
        "images",
        names=names,
        documents=documents,
        arrival=image_uploads(names),
        bucket=storage.images,
        function=functions[FunctionId.INSPECT_IMAGE],
    )
    ObjectEvents(
        "videos",
        names=names,
        documents=documents,
        arrival=migrated_videos(names),
        bucket=storage.videos,
        function=functions[FunctionId.MAKE_THUMBNAIL],
    )
    schedules = Schedules(
        "schedules", names=names, documents=documents, functions=functions, after=[access_model.applied]
    )
    Pager("pager", on_call=on_call, page_on_call=functions[FunctionId.PAGE_ON_CALL])
    generated = {"api": api.id, **{f"nat-{zone}": nat for zone, nat in network.nat_gateway_ids.items()}}
    alarms = Alarms(
        "alarms",
        names=names,
        config=config,
        topics={Severity.PAGE: on_call.page_topic_arn, Severity.NOTIFY: on_call.notify_topic_arn},
        generated=generated,
        # Before the first run silence would be the fault that some of them tell of.
        opts=pulumi.ResourceOptions(depends_on=[schedules]),
    )
    OnCallAccess("on-call-access", names=names, config=config.on_call, documents=documents)
    LogQueries("log-queries", names=names, groups=functions.log_groups)
    dashboard = Dashboard("dashboard", names=names, alarms=alarms.all, generated=generated)

    return stack_outputs(
        api=api,
        storage=storage,
        sessions=sessions,
        database=database,
        video_migrations=video_migrations,
        on_call=on_call,
        dashboard=dashboard,
    )


if __name__ == "__main__":
    stack_config = load_config()  # offline; every mistake reported at once, before anything is touched
    stack_model = AccessModelInput.of(stack_config.stack)
    stack_names = Names.of(stack_config)
    generated = {
        **stack_model.generated_files(),
        **expected_file(stack_names, stack_model, Documents(stack_names.context())),
    }
    stack_packages = ZipPackages(stack_config.functions, generated=generated)
    for output, value in back_end(stack_config, stack_model, stack_packages).items():
        pulumi.export(output, value)
