-- Which published version of database_admin applied the model: the same one again, with nothing left to do, is no deployment.

alter table rendio.access_model add column applied_by text;
