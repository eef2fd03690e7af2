-- Comparisons of menders are kept like those of colorizers and face restorers.

SET LOCAL search_path = restoration;

ALTER TABLE evaluation
    DROP CONSTRAINT evaluation_task_check,
    ADD CONSTRAINT evaluation_task_check CHECK (task IN ('colorize', 'restore-face', 'repair'));
COMMENT ON COLUMN evaluation.task IS 'What the models do: colorize photographs, restore faces, or find and mend damage (repair).';
COMMENT ON COLUMN evaluation_score.metric IS
    'Name of the figure; docs/evaluation.md says what each one means. Of task repair the kind of damage follows it, as in damage_removed_tear.';
COMMENT ON COLUMN evaluation_model.name IS
    'Name in the model registry, recipe:NAME, or file:NAME; gray, degraded, given, damaged, true_mask, shapes and truth are no models.';
COMMENT ON COLUMN audit.evaluation.task IS 'colorize, restore-face or repair.';
