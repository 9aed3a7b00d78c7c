-- Rows that keep every constraint, for wrong ones to be made of: each table's states, and users whom no row names yet.

insert into rendio.schema_versions (id, digest) values ('scene', 'x') on conflict do nothing;
insert into rendio.access_model (digest, snapshot) values ('x', '{}') on conflict do nothing;

insert into auth.users (id) select ('00000000-0000-4000-8000-00000000000' || n)::uuid from generate_series(1, 6) n;
insert into public.users (id, auth_user_id, credits_remaining)
  select ('10000000-0000-4000-8000-00000000000' || n)::uuid, ('00000000-0000-4000-8000-00000000000' || n)::uuid, n
  from generate_series(1, 5) n;
insert into public.devices (user_id, device_hash, hash_key_id, grant_state, claim_token_hash) values
  ('10000000-0000-4000-8000-000000000001', '\x01', 'k1', 'claimed', '\x0a'),
  ('10000000-0000-4000-8000-000000000002', '\x02', 'k1', 'unclaimed', null);

insert into public.images (id, user_id, status, reason, content_type) values
  ('20000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000001', 'pending', null, 'image/png'),
  ('20000000-0000-4000-8000-000000000002', '10000000-0000-4000-8000-000000000001', 'refused', 'empty', 'image/png');

insert into public.video_jobs (id, user_id, model, credits, credits_left, idempotency_key, request_digest, status, error_code,
    generator_request_id, finished_at, video_url, migration_status, migration_due_at, object_key, bytes, sha256,
    deleted_at, deleted_because) values
  ('30000000-0000-4000-8000-000000000001', '10000000-0000-4000-8000-000000000001', 'm', 1, 0, 'a', '\x01', 'submitting',
    null, null, null, null, null, null, null, null, null, null, null),
  ('30000000-0000-4000-8000-000000000002', '10000000-0000-4000-8000-000000000001', 'm', 1, 0, 'b', '\x01', 'failed',
    'x', 'r2', now(), null, null, null, null, null, null, null, null),
  ('30000000-0000-4000-8000-000000000003', '10000000-0000-4000-8000-000000000002', 'm', 1, 0, 'c', '\x01', 'completed',
    null, 'r3', now(), 'u', 'pending', now(), null, null, null, null, null),
  ('30000000-0000-4000-8000-000000000004', '10000000-0000-4000-8000-000000000002', 'm', 1, 0, 'd', '\x01', 'completed',
    null, 'r4', now(), 'u', 'migrated', null, 'k4', 1, '\x01', now(), 'user'),
  ('30000000-0000-4000-8000-000000000005', '10000000-0000-4000-8000-000000000003', 'm', 1, 0, null, '\x01', 'submitting',
    null, null, null, null, null, null, null, null, null, null, null);

insert into public.credit_ledger (user_id, amount, reason, job_id) values
  ('10000000-0000-4000-8000-000000000001', 3, 'free_grant', null),
  ('10000000-0000-4000-8000-000000000001', -1, 'video', '30000000-0000-4000-8000-000000000001'),
  ('10000000-0000-4000-8000-000000000001', 1, 'refund', '30000000-0000-4000-8000-000000000001'),
  ('10000000-0000-4000-8000-000000000002', -5, 'adjustment', null);

insert into public.users (id, auth_user_id, deleted_at) values ('10000000-0000-4000-8000-000000000009', null, now());
insert into public.images (id, user_id, status, content_type, deleted_at, deleted_because) values
  ('20000000-0000-4000-8000-000000000003', '10000000-0000-4000-8000-000000000002', 'ready', 'image/png', now(), 'retention');
insert into rendio.storage_deltas (bucket, bytes, objects) values ('images', 1, 1);
insert into rendio.storage_measurements (bucket, bytes, objects, other_bytes, other_objects, drift_bytes, drift_objects)
  values ('images', 1, 1, 0, 0, 0, 0);
update rendio.switches set thrown_at = now(), thrown_by = 'x', because = 'x' where name = 'stop_submits';
