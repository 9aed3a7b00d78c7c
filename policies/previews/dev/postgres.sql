-- The access model of the database on stack dev: its statements, in the order of their keys.

-- functions
create or replace function auth.jwt() returns jsonb
  language sql stable security invoker set search_path = ''
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb;
create or replace function auth.role() returns text
  language sql stable security invoker set search_path = ''
  return nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role';
create or replace function auth.uid() returns uuid
  language sql stable security invoker set search_path = ''
  return (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid;

-- grants
grant execute on function auth.jwt() to authenticated;
grant execute on function auth.role() to authenticated;
grant execute on function auth.uid() to authenticated;
grant insert (id, user_id, content_type, declared_bytes) on table public.images to authenticated;
grant select (id, user_id, status, reason, content_type, declared_bytes, object_key, bytes, width, height, created_at, inspected_at, deleted_at) on table public.images to authenticated;
grant select (id, auth_user_id, credits_remaining, blocked_at, last_active_at, created_at) on table public.users to authenticated;
grant select (id, user_id, model, settings, image_id, credits, status, error_code, finished_at, video_url, video_url_expires_at, migration_status, object_key, bytes, thumbnail_key, deleted_at, deleted_because, created_at) on table public.video_jobs to authenticated;
grant update (last_active_at) on table public.users to authenticated;
grant usage on schema auth to authenticated;
grant usage on schema public to authenticated;
grant connect on database rendio to rendio_dev_access_drift;
grant select on table rendio.access_model to rendio_dev_access_drift;
grant usage on schema rendio to rendio_dev_access_drift;
grant connect on database rendio to rendio_dev_ask_database;
grant select (id, user_id, amount, reason, job_id, created_at) on table public.credit_ledger to rendio_dev_ask_database;
grant select (user_id, grant_state, created_at, last_seen_at) on table public.devices to rendio_dev_ask_database;
grant select (id, user_id, status, reason, created_at, inspected_at, deleted_at, deleted_because, stored_bytes, stored_objects) on table public.images to rendio_dev_ask_database;
grant select (id, auth_user_id, credits_remaining, blocked_at, last_active_at, deleted_at, created_at) on table public.users to rendio_dev_ask_database;
grant select (id, user_id, model, credits, status, error_code, polled_at, finished_at, video_url_expires_at, migration_status, migration_attempts, migration_due_at, migration_error, migrated_at, thumbnail_attempts, deleted_at, deleted_because, restored_at, created_at, updated_at, stored_bytes, stored_objects) on table public.video_jobs to rendio_dev_ask_database;
grant select on table rendio.storage_deltas to rendio_dev_ask_database;
grant select on table rendio.storage_measurements to rendio_dev_ask_database;
grant select on table rendio.storage_totals to rendio_dev_ask_database;
grant select on table rendio.switches to rendio_dev_ask_database;
grant usage on schema public to rendio_dev_ask_database;
grant usage on schema rendio to rendio_dev_ask_database;
grant connect on database rendio to rendio_dev_backfill_videos;
grant select (id, status, migration_status, migration_attempts, migration_due_at, video_url_expires_at, deleted_at, created_at, updated_at, order_request_id) on table public.video_jobs to rendio_dev_backfill_videos;
grant update (migration_status, migration_attempts, migration_due_at, migration_error, updated_at) on table public.video_jobs to rendio_dev_backfill_videos;
grant usage on schema public to rendio_dev_backfill_videos;
grant connect on database rendio to rendio_dev_clean_identities;
grant delete on table auth.users to rendio_dev_clean_identities;
grant delete on table public.devices to rendio_dev_clean_identities;
grant delete on table public.images to rendio_dev_clean_identities;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_clean_identities;
grant select (id, is_anonymous, last_sign_in_at) on table auth.users to rendio_dev_clean_identities;
grant select (user_id, reason) on table public.credit_ledger to rendio_dev_clean_identities;
grant select (user_id) on table public.devices to rendio_dev_clean_identities;
grant select (id, user_id) on table public.images to rendio_dev_clean_identities;
grant select (id, auth_user_id, credits_remaining, blocked_at, last_active_at, deleted_at) on table public.users to rendio_dev_clean_identities;
grant select (id, user_id, status, migration_status, image_id, deleted_at, deleted_because) on table public.video_jobs to rendio_dev_clean_identities;
grant select (name, thrown_at) on table rendio.switches to rendio_dev_clean_identities;
grant update (auth_user_id, deleted_at, updated_at) on table public.users to rendio_dev_clean_identities;
grant update (settings, image_id, idempotency_key, request_digest, order_request_id, generator_request_id, video_url, video_url_expires_at, migration_error, object_key, sha256, thumbnail_key, deleted_at, deleted_because, updated_at) on table public.video_jobs to rendio_dev_clean_identities;
grant usage on schema auth to rendio_dev_clean_identities;
grant usage on schema public to rendio_dev_clean_identities;
grant usage on schema rendio to rendio_dev_clean_identities;
grant connect on database rendio to rendio_dev_clean_images;
grant delete on table public.images to rendio_dev_clean_images;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_clean_images;
grant select (id, status, created_at, object_key, deleted_at) on table public.images to rendio_dev_clean_images;
grant select (name, thrown_at) on table rendio.switches to rendio_dev_clean_images;
grant update (deleted_at, deleted_because, object_key, object_version, sha256) on table public.images to rendio_dev_clean_images;
grant usage on schema public to rendio_dev_clean_images;
grant usage on schema rendio to rendio_dev_clean_images;
grant connect on database rendio to rendio_dev_clean_videos;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_clean_videos;
grant select (id, status, finished_at, restored_at, migration_status, object_key, thumbnail_key, deleted_at) on table public.video_jobs to rendio_dev_clean_videos;
grant select (name, thrown_at) on table rendio.switches to rendio_dev_clean_videos;
grant update (deleted_at, deleted_because, video_url, video_url_expires_at, object_key, thumbnail_key, updated_at) on table public.video_jobs to rendio_dev_clean_videos;
grant usage on schema public to rendio_dev_clean_videos;
grant usage on schema rendio to rendio_dev_clean_videos;
grant connect on database rendio to rendio_dev_delete_me;
grant delete on table public.devices to rendio_dev_delete_me;
grant execute on function auth.uid() to rendio_dev_delete_me;
grant select (user_id) on table public.devices to rendio_dev_delete_me;
grant select (id, auth_user_id, blocked_at, deleted_at) on table public.users to rendio_dev_delete_me;
grant update (deleted_at, updated_at) on table public.users to rendio_dev_delete_me;
grant usage on schema auth to rendio_dev_delete_me;
grant usage on schema public to rendio_dev_delete_me;
grant connect on database rendio to rendio_dev_delete_video;
grant execute on function auth.uid() to rendio_dev_delete_video;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_delete_video;
grant select (id, auth_user_id, credits_remaining, blocked_at, last_active_at) on table public.users to rendio_dev_delete_video;
grant select (id, user_id, status, object_key, thumbnail_key, deleted_at, deleted_because) on table public.video_jobs to rendio_dev_delete_video;
grant update (last_active_at) on table public.users to rendio_dev_delete_video;
grant update (deleted_at, deleted_because, video_url, video_url_expires_at, object_key, thumbnail_key, updated_at) on table public.video_jobs to rendio_dev_delete_video;
grant usage on schema auth to rendio_dev_delete_video;
grant usage on schema public to rendio_dev_delete_video;
grant usage on schema rendio to rendio_dev_delete_video;
grant connect on database rendio to rendio_dev_device_check;
grant insert (id, last_sign_in_at) on table auth.users to rendio_dev_device_check;
grant insert (user_id, amount, reason) on table public.credit_ledger to rendio_dev_device_check;
grant insert (id, user_id, device_hash, hash_key_id, last_seen_at) on table public.devices to rendio_dev_device_check;
grant insert (id, auth_user_id) on table public.users to rendio_dev_device_check;
grant select (id) on table auth.users to rendio_dev_device_check;
grant select (id, user_id, device_hash, hash_key_id, grant_state, claim_token_hash, created_at) on table public.devices to rendio_dev_device_check;
grant select (id, auth_user_id, credits_remaining, blocked_at, last_active_at) on table public.users to rendio_dev_device_check;
grant update (last_sign_in_at) on table auth.users to rendio_dev_device_check;
grant update (device_hash, hash_key_id, grant_state, claim_token_hash, granted_at, last_seen_at) on table public.devices to rendio_dev_device_check;
grant update (credits_remaining, last_active_at, updated_at) on table public.users to rendio_dev_device_check;
grant usage on schema auth to rendio_dev_device_check;
grant usage on schema public to rendio_dev_device_check;
grant connect on database rendio to rendio_dev_fal_webhook;
grant insert (user_id, amount, reason, job_id) on table public.credit_ledger to rendio_dev_fal_webhook;
grant select (id, auth_user_id, credits_remaining, blocked_at) on table public.users to rendio_dev_fal_webhook;
grant select (id, user_id, model, status, credits, generator_request_id, order_request_id, polled_at, created_at, deleted_at) on table public.video_jobs to rendio_dev_fal_webhook;
grant update (credits_remaining, updated_at) on table public.users to rendio_dev_fal_webhook;
grant update (status, generator_request_id, polled_at, finished_at, error_code, video_url, video_url_expires_at, migration_status, migration_due_at, updated_at) on table public.video_jobs to rendio_dev_fal_webhook;
grant usage on schema public to rendio_dev_fal_webhook;
grant connect on database rendio to rendio_dev_inspect_image;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_inspect_image;
grant select (id, user_id, status, content_type, created_at) on table public.images to rendio_dev_inspect_image;
grant select (id, auth_user_id) on table public.users to rendio_dev_inspect_image;
grant update (status, reason, object_key, object_version, bytes, sha256, width, height, inspected_at) on table public.images to rendio_dev_inspect_image;
grant usage on schema public to rendio_dev_inspect_image;
grant usage on schema rendio to rendio_dev_inspect_image;
grant connect on database rendio to rendio_dev_make_thumbnail;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_make_thumbnail;
grant select (id, auth_user_id) on table public.users to rendio_dev_make_thumbnail;
grant select (id, user_id, object_key, thumbnail_key, thumbnail_attempts, migrated_at, deleted_at, order_request_id) on table public.video_jobs to rendio_dev_make_thumbnail;
grant update (thumbnail_key, thumbnail_bytes, thumbnail_attempts, updated_at) on table public.video_jobs to rendio_dev_make_thumbnail;
grant usage on schema public to rendio_dev_make_thumbnail;
grant usage on schema rendio to rendio_dev_make_thumbnail;
grant connect on database rendio to rendio_dev_me;
grant connect on database rendio to rendio_dev_migrate_video;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_migrate_video;
grant select (id, auth_user_id) on table public.users to rendio_dev_migrate_video;
grant select (id, user_id, status, video_url, video_url_expires_at, migration_status, migration_attempts, migration_due_at, finished_at, deleted_at, order_request_id) on table public.video_jobs to rendio_dev_migrate_video;
grant select (name, thrown_at) on table rendio.switches to rendio_dev_migrate_video;
grant update (video_url, video_url_expires_at, migration_status, migration_attempts, migration_due_at, migration_error, migrated_at, object_key, bytes, sha256, updated_at) on table public.video_jobs to rendio_dev_migrate_video;
grant usage on schema public to rendio_dev_migrate_video;
grant usage on schema rendio to rendio_dev_migrate_video;
grant connect on database rendio to rendio_dev_monitor_storage;
grant delete on table rendio.storage_deltas to rendio_dev_monitor_storage;
grant insert (bucket, bytes, objects, other_bytes, other_objects, drift_bytes, drift_objects) on table rendio.storage_measurements to rendio_dev_monitor_storage;
grant select (user_id, amount) on table public.credit_ledger to rendio_dev_monitor_storage;
grant select (id, user_id, object_key, bytes, stored_bytes, stored_objects, inspected_at) on table public.images to rendio_dev_monitor_storage;
grant select (id, auth_user_id, credits_remaining) on table public.users to rendio_dev_monitor_storage;
grant select (id, user_id, object_key, bytes, thumbnail_key, thumbnail_bytes, stored_bytes, stored_objects, updated_at) on table public.video_jobs to rendio_dev_monitor_storage;
grant select on table rendio.storage_deltas to rendio_dev_monitor_storage;
grant select on table rendio.storage_measurements to rendio_dev_monitor_storage;
grant select on table rendio.storage_totals to rendio_dev_monitor_storage;
grant update (bytes, objects, corrected_bytes, corrected_objects, rolled_up_at) on table rendio.storage_totals to rendio_dev_monitor_storage;
grant usage on schema public to rendio_dev_monitor_storage;
grant usage on schema rendio to rendio_dev_monitor_storage;
grant connect on database rendio to rendio_dev_restore_videos;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_restore_videos;
grant select (id, auth_user_id, deleted_at) on table public.users to rendio_dev_restore_videos;
grant select (id, user_id, migration_status, bytes, object_key, deleted_at, deleted_because) on table public.video_jobs to rendio_dev_restore_videos;
grant update (deleted_at, deleted_because, restored_at, object_key, video_url, video_url_expires_at, thumbnail_key, thumbnail_attempts, updated_at) on table public.video_jobs to rendio_dev_restore_videos;
grant usage on schema public to rendio_dev_restore_videos;
grant usage on schema rendio to rendio_dev_restore_videos;
grant connect on database rendio to rendio_dev_submit_video;
grant execute on function auth.uid() to rendio_dev_submit_video;
grant insert (user_id, amount, reason, job_id) on table public.credit_ledger to rendio_dev_submit_video;
grant insert (id, user_id, model, settings, image_id, credits, credits_left, idempotency_key, request_digest, order_request_id) on table public.video_jobs to rendio_dev_submit_video;
grant select (id, user_id, status, object_key, content_type) on table public.images to rendio_dev_submit_video;
grant select (id, auth_user_id, credits_remaining, blocked_at, last_active_at) on table public.users to rendio_dev_submit_video;
grant select (id, user_id, status, credits, credits_left, idempotency_key, request_digest, order_request_id) on table public.video_jobs to rendio_dev_submit_video;
grant select (name, thrown_at) on table rendio.switches to rendio_dev_submit_video;
grant update (credits_remaining, last_active_at, updated_at) on table public.users to rendio_dev_submit_video;
grant update (status, generator_request_id, idempotency_key, finished_at, error_code, updated_at) on table public.video_jobs to rendio_dev_submit_video;
grant usage on schema auth to rendio_dev_submit_video;
grant usage on schema public to rendio_dev_submit_video;
grant usage on schema rendio to rendio_dev_submit_video;
grant connect on database rendio to rendio_dev_sweep_videos;
grant insert (user_id, amount, reason, job_id) on table public.credit_ledger to rendio_dev_sweep_videos;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_sweep_videos;
grant select (id, auth_user_id, credits_remaining, blocked_at) on table public.users to rendio_dev_sweep_videos;
grant select (id, user_id, model, status, credits, generator_request_id, order_request_id, polled_at, created_at, deleted_at, migration_status, migration_attempts, migration_due_at, video_url_expires_at, object_key, thumbnail_key) on table public.video_jobs to rendio_dev_sweep_videos;
grant select (name, thrown_at) on table rendio.switches to rendio_dev_sweep_videos;
grant update (credits_remaining, updated_at) on table public.users to rendio_dev_sweep_videos;
grant update (status, generator_request_id, polled_at, finished_at, error_code, video_url, video_url_expires_at, migration_status, migration_due_at, updated_at, migration_error, object_key, thumbnail_key) on table public.video_jobs to rendio_dev_sweep_videos;
grant usage on schema public to rendio_dev_sweep_videos;
grant usage on schema rendio to rendio_dev_sweep_videos;
grant connect on database rendio to rendio_dev_throw_switch;
grant select (id, auth_user_id, blocked_at, deleted_at) on table public.users to rendio_dev_throw_switch;
grant select on table rendio.switches to rendio_dev_throw_switch;
grant update (blocked_at, updated_at) on table public.users to rendio_dev_throw_switch;
grant update (thrown_at, thrown_by, because) on table rendio.switches to rendio_dev_throw_switch;
grant usage on schema public to rendio_dev_throw_switch;
grant usage on schema rendio to rendio_dev_throw_switch;
grant connect on database rendio to rendio_dev_upload_image;
grant connect on database rendio to rendio_dev_upload_image_direct;
grant execute on function auth.uid() to rendio_dev_upload_image_direct;
grant insert (id, user_id, status, content_type, declared_bytes, object_key, object_version, bytes, sha256, width, height, inspected_at) on table public.images to rendio_dev_upload_image_direct;
grant insert (bucket, bytes, objects) on table rendio.storage_deltas to rendio_dev_upload_image_direct;
grant select (id, auth_user_id, blocked_at) on table public.users to rendio_dev_upload_image_direct;
grant usage on schema auth to rendio_dev_upload_image_direct;
grant usage on schema public to rendio_dev_upload_image_direct;
grant usage on schema rendio to rendio_dev_upload_image_direct;
grant connect on database rendio to rendio_dev_view_image;
grant connect on database rendio to rendio_dev_view_video;
grant execute on function auth.uid() to rendio_dev_view_video;
grant insert (user_id, amount, reason, job_id) on table public.credit_ledger to rendio_dev_view_video;
grant select (id, auth_user_id, credits_remaining, blocked_at) on table public.users to rendio_dev_view_video;
grant select (id, user_id, model, status, credits, generator_request_id, order_request_id, polled_at, created_at, deleted_at) on table public.video_jobs to rendio_dev_view_video;
grant update (credits_remaining, updated_at) on table public.users to rendio_dev_view_video;
grant update (status, generator_request_id, polled_at, finished_at, error_code, video_url, video_url_expires_at, migration_status, migration_due_at, updated_at) on table public.video_jobs to rendio_dev_view_video;
grant usage on schema auth to rendio_dev_view_video;
grant usage on schema public to rendio_dev_view_video;

-- memberships
grant rds_iam to rendio_dev_access_drift with admin false, inherit true, set true;
grant rds_iam to rendio_dev_ask_database with admin false, inherit true, set true;
grant rds_iam to rendio_dev_backfill_videos with admin false, inherit true, set true;
grant rds_iam to rendio_dev_clean_identities with admin false, inherit true, set true;
grant rds_iam to rendio_dev_clean_images with admin false, inherit true, set true;
grant rds_iam to rendio_dev_clean_videos with admin false, inherit true, set true;
grant rds_iam to rendio_dev_database_admin with admin false, inherit true, set true;
grant rds_iam to rendio_dev_delete_me with admin false, inherit true, set true;
grant rds_iam to rendio_dev_delete_video with admin false, inherit true, set true;
grant rds_iam to rendio_dev_device_check with admin false, inherit true, set true;
grant rds_iam to rendio_dev_fal_webhook with admin false, inherit true, set true;
grant rds_iam to rendio_dev_inspect_image with admin false, inherit true, set true;
grant rds_iam to rendio_dev_make_thumbnail with admin false, inherit true, set true;
grant authenticated to rendio_dev_me with admin false, inherit false, set true;
grant rds_iam to rendio_dev_me with admin false, inherit true, set true;
grant rds_iam to rendio_dev_migrate_video with admin false, inherit true, set true;
grant rds_iam to rendio_dev_monitor_storage with admin false, inherit true, set true;
grant rds_iam to rendio_dev_restore_videos with admin false, inherit true, set true;
grant rds_iam to rendio_dev_submit_video with admin false, inherit true, set true;
grant rds_iam to rendio_dev_sweep_videos with admin false, inherit true, set true;
grant rds_iam to rendio_dev_throw_switch with admin false, inherit true, set true;
grant authenticated to rendio_dev_upload_image with admin false, inherit false, set true;
grant rds_iam to rendio_dev_upload_image with admin false, inherit true, set true;
grant authenticated to rendio_dev_upload_image_direct with admin false, inherit false, set true;
grant rds_iam to rendio_dev_upload_image_direct with admin false, inherit true, set true;
grant authenticated to rendio_dev_view_image with admin false, inherit false, set true;
grant rds_iam to rendio_dev_view_image with admin false, inherit true, set true;
grant authenticated to rendio_dev_view_video with admin false, inherit false, set true;
grant rds_iam to rendio_dev_view_video with admin false, inherit true, set true;

-- policies
create policy users_delete_clean_identities on auth.users
  for delete
  to rendio_dev_clean_identities
  using (is_anonymous);
create policy users_insert_device_check on auth.users
  for insert
  to rendio_dev_device_check
  with check (is_anonymous and role = 'authenticated');
create policy users_select_clean_identities on auth.users
  for select
  to rendio_dev_clean_identities
  using (is_anonymous);
create policy users_select_device_check on auth.users
  for select
  to rendio_dev_device_check
  using (true);
create policy users_update_device_check on auth.users
  for update
  to rendio_dev_device_check
  using (is_anonymous)
  with check (is_anonymous and role = 'authenticated');
create policy credit_ledger_insert_device_check on public.credit_ledger
  for insert
  to rendio_dev_device_check
  with check (reason = 'free_grant' and amount > 0);
create policy credit_ledger_insert_fal_webhook on public.credit_ledger
  for insert
  to rendio_dev_fal_webhook
  with check (reason = 'refund' and amount > 0);
create policy credit_ledger_insert_submit_video on public.credit_ledger
  for insert
  to rendio_dev_submit_video
  with check (reason in ('video', 'refund') and user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy credit_ledger_insert_sweep_videos on public.credit_ledger
  for insert
  to rendio_dev_sweep_videos
  with check (reason = 'refund' and amount > 0);
create policy credit_ledger_insert_view_video on public.credit_ledger
  for insert
  to rendio_dev_view_video
  with check (reason = 'refund' and amount > 0 and user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy credit_ledger_select_ask_database on public.credit_ledger
  for select
  to rendio_dev_ask_database
  using (true);
create policy credit_ledger_select_clean_identities on public.credit_ledger
  for select
  to rendio_dev_clean_identities
  using (reason = 'purchase');
create policy credit_ledger_select_monitor_storage on public.credit_ledger
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy devices_delete_clean_identities on public.devices
  for delete
  to rendio_dev_clean_identities
  using (exists (select from public.users u where u.id = user_id and u.deleted_at is not null));
create policy devices_delete_delete_me on public.devices
  for delete
  to rendio_dev_delete_me
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy devices_insert_device_check on public.devices
  for insert
  to rendio_dev_device_check
  with check (grant_state = 'unclaimed');
create policy devices_select_ask_database on public.devices
  for select
  to rendio_dev_ask_database
  using (true);
create policy devices_select_clean_identities on public.devices
  for select
  to rendio_dev_clean_identities
  using (exists (select from public.users u where u.id = user_id and u.deleted_at is not null));
create policy devices_select_delete_me on public.devices
  for select
  to rendio_dev_delete_me
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy devices_select_device_check on public.devices
  for select
  to rendio_dev_device_check
  using (true);
create policy devices_update_device_check on public.devices
  for update
  to rendio_dev_device_check
  using (true)
  with check (true);
create policy images_delete_clean_identities on public.images
  for delete
  to rendio_dev_clean_identities
  using (exists (select from public.users u where u.id = user_id and u.deleted_at is not null));
create policy images_delete_clean_images on public.images
  for delete
  to rendio_dev_clean_images
  using (status = 'refused');
create policy images_insert_own on public.images
  for insert
  to authenticated
  with check (status = 'pending' and user_id = ( select id from public.users where auth_user_id = (select auth.uid()) and blocked_at is null));
create policy images_insert_upload_image_direct on public.images
  for insert
  to rendio_dev_upload_image_direct
  with check (status = 'ready' and user_id = ( select id from public.users where auth_user_id = (select auth.uid()) and blocked_at is null));
create policy images_select_ask_database on public.images
  for select
  to rendio_dev_ask_database
  using (true);
create policy images_select_clean_identities on public.images
  for select
  to rendio_dev_clean_identities
  using (exists (select from public.users u where u.id = user_id and u.deleted_at is not null));
create policy images_select_clean_images on public.images
  for select
  to rendio_dev_clean_images
  using (status in ('ready', 'refused'));
create policy images_select_inspect_image on public.images
  for select
  to rendio_dev_inspect_image
  using (true);
create policy images_select_monitor_storage on public.images
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy images_select_own on public.images
  for select
  to authenticated
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy images_select_submit_video on public.images
  for select
  to rendio_dev_submit_video
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy images_update_clean_images on public.images
  for update
  to rendio_dev_clean_images
  using (status = 'ready' and deleted_at is null)
  with check (deleted_because = 'retention' and object_key is null and sha256 is null);
create policy images_update_inspect_image on public.images
  for update
  to rendio_dev_inspect_image
  using (status = 'pending')
  with check (status in ('ready', 'refused'));
create policy users_active_delete_video on public.users
  for update
  to rendio_dev_delete_video
  using (auth_user_id = (select auth.uid()) and deleted_at is null)
  with check (auth_user_id = (select auth.uid()) and deleted_at is null and last_active_at = now());
create policy users_active_own on public.users
  for update
  to authenticated
  using (auth_user_id = (select auth.uid()) and deleted_at is null)
  with check (auth_user_id = (select auth.uid()) and deleted_at is null and last_active_at = now());
create policy users_insert_device_check on public.users
  for insert
  to rendio_dev_device_check
  with check (credits_remaining = 0 and blocked_at is null);
create policy users_select_ask_database on public.users
  for select
  to rendio_dev_ask_database
  using (true);
create policy users_select_clean_identities on public.users
  for select
  to rendio_dev_clean_identities
  using (true);
create policy users_select_delete_me on public.users
  for select
  to rendio_dev_delete_me
  using (auth_user_id = (select auth.uid()));
create policy users_select_delete_video on public.users
  for select
  to rendio_dev_delete_video
  using (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy users_select_device_check on public.users
  for select
  to rendio_dev_device_check
  using (true);
create policy users_select_fal_webhook on public.users
  for select
  to rendio_dev_fal_webhook
  using (true);
create policy users_select_inspect_image on public.users
  for select
  to rendio_dev_inspect_image
  using (true);
create policy users_select_make_thumbnail on public.users
  for select
  to rendio_dev_make_thumbnail
  using (true);
create policy users_select_migrate_video on public.users
  for select
  to rendio_dev_migrate_video
  using (true);
create policy users_select_monitor_storage on public.users
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy users_select_own on public.users
  for select
  to authenticated
  using (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy users_select_restore_videos on public.users
  for select
  to rendio_dev_restore_videos
  using (deleted_at is null);
create policy users_select_submit_video on public.users
  for select
  to rendio_dev_submit_video
  using (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy users_select_sweep_videos on public.users
  for select
  to rendio_dev_sweep_videos
  using (true);
create policy users_select_throw_switch on public.users
  for select
  to rendio_dev_throw_switch
  using (deleted_at is null);
create policy users_select_upload_image_direct on public.users
  for select
  to rendio_dev_upload_image_direct
  using (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy users_select_view_video on public.users
  for select
  to rendio_dev_view_video
  using (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy users_update_clean_identities on public.users
  for update
  to rendio_dev_clean_identities
  using (auth_user_id is not null)
  with check (deleted_at is not null);
create policy users_update_delete_me on public.users
  for update
  to rendio_dev_delete_me
  using (auth_user_id = (select auth.uid()) and blocked_at is null)
  with check (auth_user_id = (select auth.uid()) and deleted_at is not null);
create policy users_update_device_check on public.users
  for update
  to rendio_dev_device_check
  using (true)
  with check (true);
create policy users_update_fal_webhook on public.users
  for update
  to rendio_dev_fal_webhook
  using (true)
  with check (true);
create policy users_update_submit_video on public.users
  for update
  to rendio_dev_submit_video
  using (auth_user_id = (select auth.uid()) and deleted_at is null)
  with check (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy users_update_sweep_videos on public.users
  for update
  to rendio_dev_sweep_videos
  using (true)
  with check (true);
create policy users_update_throw_switch on public.users
  for update
  to rendio_dev_throw_switch
  using (deleted_at is null)
  with check (deleted_at is null);
create policy users_update_view_video on public.users
  for update
  to rendio_dev_view_video
  using (auth_user_id = (select auth.uid()) and deleted_at is null)
  with check (auth_user_id = (select auth.uid()) and deleted_at is null);
create policy video_jobs_forget_objects_sweep_videos on public.video_jobs
  for update
  to rendio_dev_sweep_videos
  using (deleted_at is not null)
  with check (deleted_at is not null and object_key is null and thumbnail_key is null);
create policy video_jobs_insert_submit_video on public.video_jobs
  for insert
  to rendio_dev_submit_video
  with check (status = 'submitting' and migration_status is null and user_id = (select id from public.users where auth_user_id = (select auth.uid()) and blocked_at is null));
create policy video_jobs_requeue_sweep_videos on public.video_jobs
  for update
  to rendio_dev_sweep_videos
  using (migration_status = 'pending')
  with check (migration_status in ('pending', 'failed'));
create policy video_jobs_select_ask_database on public.video_jobs
  for select
  to rendio_dev_ask_database
  using (true);
create policy video_jobs_select_backfill_videos on public.video_jobs
  for select
  to rendio_dev_backfill_videos
  using (true);
create policy video_jobs_select_clean_identities on public.video_jobs
  for select
  to rendio_dev_clean_identities
  using (true);
create policy video_jobs_select_clean_videos on public.video_jobs
  for select
  to rendio_dev_clean_videos
  using (status = 'completed');
create policy video_jobs_select_delete_video on public.video_jobs
  for select
  to rendio_dev_delete_video
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy video_jobs_select_fal_webhook on public.video_jobs
  for select
  to rendio_dev_fal_webhook
  using (true);
create policy video_jobs_select_make_thumbnail on public.video_jobs
  for select
  to rendio_dev_make_thumbnail
  using (true);
create policy video_jobs_select_migrate_video on public.video_jobs
  for select
  to rendio_dev_migrate_video
  using (true);
create policy video_jobs_select_monitor_storage on public.video_jobs
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy video_jobs_select_own on public.video_jobs
  for select
  to authenticated
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy video_jobs_select_restore_videos on public.video_jobs
  for select
  to rendio_dev_restore_videos
  using (status = 'completed');
create policy video_jobs_select_submit_video on public.video_jobs
  for select
  to rendio_dev_submit_video
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy video_jobs_select_sweep_videos on public.video_jobs
  for select
  to rendio_dev_sweep_videos
  using (true);
create policy video_jobs_select_view_video on public.video_jobs
  for select
  to rendio_dev_view_video
  using (user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy video_jobs_update_backfill_videos on public.video_jobs
  for update
  to rendio_dev_backfill_videos
  using (migration_status in ('none', 'failed') and deleted_at is null)
  with check (migration_status = 'pending' and migration_attempts = 0);
create policy video_jobs_update_clean_identities on public.video_jobs
  for update
  to rendio_dev_clean_identities
  using (status in ('completed', 'failed') and exists (select from public.users u where u.id = user_id and u.deleted_at is not null))
  with check (deleted_at is not null);
create policy video_jobs_update_clean_videos on public.video_jobs
  for update
  to rendio_dev_clean_videos
  using (status = 'completed' and deleted_at is null)
  with check (deleted_because = 'retention' and object_key is null and thumbnail_key is null);
create policy video_jobs_update_delete_video on public.video_jobs
  for update
  to rendio_dev_delete_video
  using (status in ('completed', 'failed') and user_id = (select id from public.users where auth_user_id = (select auth.uid())))
  with check (deleted_because = 'user' and user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy video_jobs_update_fal_webhook on public.video_jobs
  for update
  to rendio_dev_fal_webhook
  using (status in ('submitting', 'queued', 'processing'))
  with check ((migration_status is null or migration_status = 'pending'));
create policy video_jobs_update_make_thumbnail on public.video_jobs
  for update
  to rendio_dev_make_thumbnail
  using (object_key is not null and thumbnail_key is null and deleted_at is null)
  with check (object_key is not null);
create policy video_jobs_update_migrate_video on public.video_jobs
  for update
  to rendio_dev_migrate_video
  using (migration_status = 'pending')
  with check (migration_status in ('pending', 'migrated', 'failed'));
create policy video_jobs_update_restore_videos on public.video_jobs
  for update
  to rendio_dev_restore_videos
  using (deleted_because in ('user', 'retention') and exists (select from public.users u where u.id = user_id))
  with check (deleted_at is null and restored_at = now());
create policy video_jobs_update_submit_video on public.video_jobs
  for update
  to rendio_dev_submit_video
  using (status = 'submitting' and user_id = (select id from public.users where auth_user_id = (select auth.uid())))
  with check (status in ('queued', 'failed') and user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy video_jobs_update_sweep_videos on public.video_jobs
  for update
  to rendio_dev_sweep_videos
  using (status in ('submitting', 'queued', 'processing'))
  with check ((migration_status is null or migration_status = 'pending'));
create policy video_jobs_update_view_video on public.video_jobs
  for update
  to rendio_dev_view_video
  using (status in ('submitting', 'queued', 'processing') and user_id = (select id from public.users where auth_user_id = (select auth.uid())))
  with check ((migration_status is null or migration_status = 'pending') and user_id = (select id from public.users where auth_user_id = (select auth.uid())));
create policy access_model_all_database_admin on rendio.access_model
  for all
  to rendio_dev_database_admin
  using (true)
  with check (true);
create policy access_model_select_access_drift on rendio.access_model
  for select
  to rendio_dev_access_drift
  using (true);
create policy schema_versions_all_database_admin on rendio.schema_versions
  for all
  to rendio_dev_database_admin
  using (true)
  with check (true);
create policy storage_deltas_delete_monitor_storage on rendio.storage_deltas
  for delete
  to rendio_dev_monitor_storage
  using (true);
create policy storage_deltas_insert_clean_identities on rendio.storage_deltas
  for insert
  to rendio_dev_clean_identities
  with check (objects <= 0 and bytes <= 0);
create policy storage_deltas_insert_clean_images on rendio.storage_deltas
  for insert
  to rendio_dev_clean_images
  with check (bucket = 'images' and objects <= 0 and bytes <= 0);
create policy storage_deltas_insert_clean_videos on rendio.storage_deltas
  for insert
  to rendio_dev_clean_videos
  with check (bucket = 'videos' and objects <= 0 and bytes <= 0);
create policy storage_deltas_insert_delete_video on rendio.storage_deltas
  for insert
  to rendio_dev_delete_video
  with check (bucket = 'videos' and objects <= 0 and bytes <= 0);
create policy storage_deltas_insert_inspect_image on rendio.storage_deltas
  for insert
  to rendio_dev_inspect_image
  with check (bucket = 'images' and objects >= 0 and bytes >= 0);
create policy storage_deltas_insert_make_thumbnail on rendio.storage_deltas
  for insert
  to rendio_dev_make_thumbnail
  with check (bucket = 'videos' and objects >= 0 and bytes >= 0);
create policy storage_deltas_insert_migrate_video on rendio.storage_deltas
  for insert
  to rendio_dev_migrate_video
  with check (bucket = 'videos' and objects >= 0 and bytes >= 0);
create policy storage_deltas_insert_restore_videos on rendio.storage_deltas
  for insert
  to rendio_dev_restore_videos
  with check (bucket = 'videos' and objects >= 0 and bytes >= 0);
create policy storage_deltas_insert_sweep_videos on rendio.storage_deltas
  for insert
  to rendio_dev_sweep_videos
  with check (bucket = 'videos' and objects <= 0 and bytes <= 0);
create policy storage_deltas_insert_upload_image_direct on rendio.storage_deltas
  for insert
  to rendio_dev_upload_image_direct
  with check (bucket = 'images' and objects >= 0 and bytes >= 0);
create policy storage_deltas_select_ask_database on rendio.storage_deltas
  for select
  to rendio_dev_ask_database
  using (true);
create policy storage_deltas_select_monitor_storage on rendio.storage_deltas
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy storage_measurements_insert_monitor_storage on rendio.storage_measurements
  for insert
  to rendio_dev_monitor_storage
  with check (bytes >= 0 and other_bytes >= 0);
create policy storage_measurements_select_ask_database on rendio.storage_measurements
  for select
  to rendio_dev_ask_database
  using (true);
create policy storage_measurements_select_monitor_storage on rendio.storage_measurements
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy storage_totals_select_ask_database on rendio.storage_totals
  for select
  to rendio_dev_ask_database
  using (true);
create policy storage_totals_select_monitor_storage on rendio.storage_totals
  for select
  to rendio_dev_monitor_storage
  using (true);
create policy storage_totals_update_monitor_storage on rendio.storage_totals
  for update
  to rendio_dev_monitor_storage
  using (true)
  with check (true);
create policy switches_select_ask_database on rendio.switches
  for select
  to rendio_dev_ask_database
  using (true);
create policy switches_select_clean_identities on rendio.switches
  for select
  to rendio_dev_clean_identities
  using (name = 'pause_clean_ups');
create policy switches_select_clean_images on rendio.switches
  for select
  to rendio_dev_clean_images
  using (name = 'pause_clean_ups');
create policy switches_select_clean_videos on rendio.switches
  for select
  to rendio_dev_clean_videos
  using (name = 'pause_clean_ups');
create policy switches_select_migrate_video on rendio.switches
  for select
  to rendio_dev_migrate_video
  using (name = 'pause_video_migration');
create policy switches_select_submit_video on rendio.switches
  for select
  to rendio_dev_submit_video
  using (name = 'stop_submits');
create policy switches_select_sweep_videos on rendio.switches
  for select
  to rendio_dev_sweep_videos
  using (name = 'pause_video_migration');
create policy switches_select_throw_switch on rendio.switches
  for select
  to rendio_dev_throw_switch
  using (true);
create policy switches_update_throw_switch on rendio.switches
  for update
  to rendio_dev_throw_switch
  using (true)
  with check (true);

-- roles
create role authenticated nologin;
create role rendio_dev_access_drift login;
create role rendio_dev_ask_database login;
create role rendio_dev_backfill_videos login;
create role rendio_dev_clean_identities login;
create role rendio_dev_clean_images login;
create role rendio_dev_clean_videos login;
create role rendio_dev_delete_me login;
create role rendio_dev_delete_video login;
create role rendio_dev_device_check login;
create role rendio_dev_fal_webhook login;
create role rendio_dev_inspect_image login;
create role rendio_dev_make_thumbnail login;
create role rendio_dev_me login;
create role rendio_dev_migrate_video login;
create role rendio_dev_monitor_storage login;
create role rendio_dev_restore_videos login;
create role rendio_dev_submit_video login;
create role rendio_dev_sweep_videos login;
create role rendio_dev_throw_switch login;
create role rendio_dev_upload_image login;
create role rendio_dev_upload_image_direct login;
create role rendio_dev_view_image login;
create role rendio_dev_view_video login;
