-- What people on call have switched off: the functions look here, so that a switch acts at once and outlives deployments.

create table rendio.switches (
  name text primary key check (name in ('stop_submits', 'pause_video_migration', 'pause_clean_ups')),
  thrown_at timestamptz,
  thrown_by text,
  because text,
  check ((thrown_at is null) = (thrown_by is null)),
  check ((thrown_at is null) = (because is null))
);
insert into rendio.switches (name) values ('stop_submits'), ('pause_video_migration'), ('pause_clean_ups');
