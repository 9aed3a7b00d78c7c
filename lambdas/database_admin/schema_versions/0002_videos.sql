-- Generated videos: what was asked for, what it cost, where the video is (plan M6-M10, M17-M19, N1).

create table public.video_jobs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.users (id),
  model text not null,
  settings jsonb not null default '{}',
  image_id uuid references public.images (id),
  credits integer not null check (credits > 0),
  -- What the submission's answer said, so that its repetition says the same.
  credits_left integer not null check (credits_left >= 0),
  idempotency_key text,
  request_digest bytea not null,

  -- 'submitting': the credits are spent and the generator has not yet said that it took the job.
  status text not null default 'submitting'
    check (status in ('submitting', 'queued', 'processing', 'completed', 'failed')),
  error_code text,
  generator_request_id text unique,
  polled_at timestamptz,
  finished_at timestamptz,

  -- The generator's address until the video is in own storage, then s3://bucket/key.
  video_url text,
  video_url_expires_at timestamptz,
  -- 'none': from before video migration; only the back-fill asks for it.
  migration_status text check (migration_status in ('none', 'pending', 'migrated', 'failed')),
  migration_attempts smallint not null default 0 check (migration_attempts between 0 and 4),
  -- While pending: no attempt before this. A running attempt has put it to the end of its lease.
  migration_due_at timestamptz,
  migration_error text,
  migrated_at timestamptz,
  object_key text unique,
  bytes bigint check (bytes > 0),
  sha256 bytea,
  thumbnail_key text,
  thumbnail_attempts smallint not null default 0,

  deleted_at timestamptz,
  deleted_because text check (deleted_because in ('user', 'retention', 'account')),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),

  unique (user_id, idempotency_key),
  check ((status = 'failed') = (error_code is not null)),
  check ((status in ('completed', 'failed')) = (finished_at is not null)),
  check ((status = 'completed') = (migration_status is not null)),
  check (status <> 'completed' or video_url is not null or deleted_at is not null),
  check (migration_status is distinct from 'pending' or migration_due_at is not null),
  check (object_key is null or (migration_status = 'migrated' and bytes is not null and sha256 is not null)),
  check ((deleted_at is null) = (deleted_because is null))
);
create index video_jobs_by_user on public.video_jobs (user_id, created_at desc, id desc);
create index video_jobs_by_image on public.video_jobs (image_id);
create index video_jobs_open on public.video_jobs (created_at) where status in ('submitting', 'queued', 'processing');
create index video_jobs_to_migrate on public.video_jobs (migration_due_at) where migration_status = 'pending';
create index video_jobs_at_the_generator on public.video_jobs (video_url_expires_at)
  where video_url_expires_at is not null;
create index video_jobs_to_back_fill on public.video_jobs (created_at, id) where migration_status = 'none';
create index video_jobs_without_thumbnail on public.video_jobs (migrated_at)
  where object_key is not null and thumbnail_key is null;
create index video_jobs_to_remove on public.video_jobs (deleted_at)
  where deleted_at is not null and (object_key is not null or thumbnail_key is not null);

alter table public.credit_ledger no force row level security;
alter table public.credit_ledger
  add constraint credit_ledger_job_id_fkey foreign key (job_id) references public.video_jobs (id),
  add constraint credit_ledger_job_check check ((reason in ('video', 'refund')) = (job_id is not null)),
  add constraint credit_ledger_sign_check
    check (case reason when 'video' then amount < 0 when 'adjustment' then true else amount > 0 end);
create unique index credit_ledger_one_spend on public.credit_ledger (job_id) where reason = 'video';
create unique index credit_ledger_one_refund on public.credit_ledger (job_id) where reason = 'refund';
create index credit_ledger_job_id on public.credit_ledger (job_id);
