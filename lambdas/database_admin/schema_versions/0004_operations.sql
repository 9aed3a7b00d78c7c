-- Clean-ups, the storage count, and what tells who is active (plan M11, M12, M13).

alter table public.users no force row level security;
alter table public.images no force row level security;
alter table public.video_jobs no force row level security;

-- When the user last asked for anything, to the hour. Closed: `deleted_at`, and until everything of the user is gone the
-- identity stays, since objects lie under its id. Then the row has no identity, and is there for the accounting alone.
alter table public.users
  add column last_active_at timestamptz not null default now(),
  add column deleted_at timestamptz,
  alter column auth_user_id drop not null,
  add constraint users_identity_check check (auth_user_id is not null or deleted_at is not null);
create index users_inactive on public.users (last_active_at) where deleted_at is null;
create index users_to_remove on public.users (deleted_at) where deleted_at is not null and auth_user_id is not null;

-- What a row has in storage: the objects its keys name. Everything that counts storage counts these two columns.
alter table public.images
  add column deleted_at timestamptz,
  add column deleted_because text check (deleted_because in ('retention')),
  add column stored_bytes bigint not null
    generated always as (case when object_key is null then 0 else coalesce(bytes, 0) end) stored,
  add column stored_objects integer not null
    generated always as (case when object_key is null then 0 else 1 end) stored,
  add constraint images_deleted_check check ((deleted_at is null) = (deleted_because is null)),
  add constraint images_deleted_object_check check (deleted_at is null or object_key is null);
create index images_to_expire on public.images (created_at) where status = 'ready' and deleted_at is null;
create index images_refused on public.images (created_at) where status = 'refused';

alter table public.video_jobs
  add column thumbnail_bytes bigint check (thumbnail_bytes > 0),
  -- A deletion was taken back: the retention begins anew.
  add column restored_at timestamptz,
  add column stored_bytes bigint not null generated always as (
    case when object_key is null then 0 else coalesce(bytes, 0) end
    + case when thumbnail_key is null then 0 else coalesce(thumbnail_bytes, 0) end) stored,
  add column stored_objects integer not null generated always as (
    case when object_key is null then 0 else 1 end + case when thumbnail_key is null then 0 else 1 end) stored;
create index video_jobs_to_expire on public.video_jobs (finished_at) where status = 'completed' and deleted_at is null;

-- Each change of what is stored, in the transaction that changed it; monitor_storage rolls them up. Nobody waits for
-- anybody, as one row a bucket would make them.
create table rendio.storage_deltas (
  id bigint generated always as identity primary key,
  bucket text not null check (bucket in ('images', 'videos')),
  bytes bigint not null,
  objects integer not null
);

-- Together with the deltas not rolled up yet: what rows say is stored, plus by how much the last reconcile found the
-- bucket to differ from the rows (`corrected_…`).
create table rendio.storage_totals (
  bucket text primary key check (bucket in ('images', 'videos')),
  bytes bigint not null,
  objects bigint not null,
  corrected_bytes bigint not null default 0,
  corrected_objects bigint not null default 0,
  rolled_up_at timestamptz not null default now()
);
insert into rendio.storage_totals (bucket, bytes, objects)
  select 'images', coalesce(sum(stored_bytes), 0), coalesce(sum(stored_objects), 0) from public.images
  union all
  select 'videos', coalesce(sum(stored_bytes), 0), coalesce(sum(stored_objects), 0) from public.video_jobs;

-- What each reconcile found. `other_…`: old versions and what lies for hours only, which no row counts.
create table rendio.storage_measurements (
  id bigint generated always as identity primary key,
  bucket text not null check (bucket in ('images', 'videos')),
  measured_at timestamptz not null default now(),
  bytes bigint not null,
  objects bigint not null,
  other_bytes bigint not null,
  other_objects bigint not null,
  drift_bytes bigint not null,
  drift_objects bigint not null
);
create index storage_measurements_by_bucket on rendio.storage_measurements (bucket, measured_at desc);

-- In a trigger, so that no writer can forget it; as whoever writes, who may insert the delta and no more.
create function rendio.count_storage() returns trigger
  language plpgsql security invoker set search_path = ''
as $$
declare
  bytes bigint := 0;
  objects integer := 0;
begin
  if tg_op <> 'DELETE' then
    bytes := new.stored_bytes;
    objects := new.stored_objects;
  end if;
  if tg_op <> 'INSERT' then
    bytes := bytes - old.stored_bytes;
    objects := objects - old.stored_objects;
  end if;
  insert into rendio.storage_deltas (bucket, bytes, objects) values (tg_argv[0], bytes, objects);
  return null;
end
$$;

create trigger count_storage_insert after insert on public.images
  for each row when (new.stored_objects > 0) execute function rendio.count_storage('images');
create trigger count_storage_update after update of stored_bytes, stored_objects on public.images
  for each row when (old.stored_bytes <> new.stored_bytes or old.stored_objects <> new.stored_objects)
  execute function rendio.count_storage('images');
create trigger count_storage_delete after delete on public.images
  for each row when (old.stored_objects > 0) execute function rendio.count_storage('images');
create trigger count_storage_insert after insert on public.video_jobs
  for each row when (new.stored_objects > 0) execute function rendio.count_storage('videos');
create trigger count_storage_update after update of stored_bytes, stored_objects on public.video_jobs
  for each row when (old.stored_bytes <> new.stored_bytes or old.stored_objects <> new.stored_objects)
  execute function rendio.count_storage('videos');
create trigger count_storage_delete after delete on public.video_jobs
  for each row when (old.stored_objects > 0) execute function rendio.count_storage('videos');
