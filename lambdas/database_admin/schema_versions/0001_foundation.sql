-- Identities, users, devices, credits and images (plan M1, M2, M17).

create schema auth;
create schema rendio;

create table rendio.schema_versions (
  id text primary key,
  digest text not null,
  applied_at timestamptz not null default now()
);

create table rendio.access_model (
  singleton boolean primary key default true check (singleton),
  digest text not null,
  snapshot jsonb not null,
  applied_at timestamptz not null default now()
);

-- The identity a session names. It holds nothing about a person.
create table auth.users (
  id uuid primary key default gen_random_uuid(),
  role text not null default 'authenticated',
  is_anonymous boolean not null default true,
  created_at timestamptz not null default now(),
  last_sign_in_at timestamptz
);

create table public.users (
  id uuid primary key default gen_random_uuid(),
  auth_user_id uuid not null unique references auth.users (id),
  credits_remaining integer not null default 0 check (credits_remaining >= 0),
  blocked_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- The app's own device id is a credential: only its keyed hash is here, with the key's name, so that keys can rotate.
create table public.devices (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null unique references public.users (id),
  device_hash bytea not null unique,
  hash_key_id text not null,
  grant_state text not null default 'unclaimed' check (grant_state in ('unclaimed', 'claimed', 'granted', 'refused')),
  claim_token_hash bytea unique,
  granted_at timestamptz,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now()
);

create table public.credit_ledger (
  id bigint generated always as identity primary key,
  user_id uuid not null references public.users (id),
  amount integer not null check (amount <> 0),
  reason text not null check (reason in ('free_grant', 'purchase', 'video', 'refund', 'adjustment')),
  job_id uuid,
  created_at timestamptz not null default now()
);
create index credit_ledger_user_id on public.credit_ledger (user_id);
create unique index credit_ledger_one_free_grant on public.credit_ledger (user_id) where reason = 'free_grant';

create table public.images (
  id uuid primary key default gen_random_uuid(),
  user_id uuid not null references public.users (id),
  status text not null default 'pending' check (status in ('pending', 'ready', 'refused')),
  reason text check (reason in
    ('empty', 'not_an_image', 'truncated', 'type_mismatch', 'too_large', 'too_many_pixels', 'never_uploaded')),
  content_type text not null,
  declared_bytes bigint,
  object_key text,
  object_version text,
  bytes bigint,
  sha256 bytea,
  width integer,
  height integer,
  created_at timestamptz not null default now(),
  inspected_at timestamptz,
  check ((status = 'refused') = (reason is not null))
);
create index images_by_user on public.images (user_id, created_at desc);
create index images_pending on public.images (created_at) where status = 'pending';
