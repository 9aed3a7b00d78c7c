-- Which of the API's requests ordered a video: every log line about the job carries it (plan M14). Older jobs have none.

alter table public.video_jobs add column order_request_id text;
