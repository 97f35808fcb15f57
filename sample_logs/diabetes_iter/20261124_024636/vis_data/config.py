default_hooks = dict(
    checkpoint=dict(
        by_epoch=False,
        interval=500,
        max_keep_ckpts=2,
        rule='less',
        save_best='rmse',
        type='CheckpointHook'),
    logger=dict(interval=20, type='LoggerHook'))
default_scope = 'mmengine'
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork'))
load_from = None
log_level = 'INFO'
log_processor = dict(by_epoch=False, type='LogProcessor', window_size=20)
model = dict(type='DiabetesRegressor')
optim_wrapper = dict(
    clip_grad=dict(max_norm=500.0),
    optimizer=dict(lr=3e-06, type='AdamW', weight_decay=0.05),
    type='OptimWrapper')
param_scheduler = [
    dict(begin=0, by_epoch=False, end=200, start_factor=0.01, type='LinearLR'),
    dict(
        begin=200,
        by_epoch=False,
        end=3000,
        eta_min=0.0,
        type='CosineAnnealingLR'),
]
randomness = dict(seed=0)
resume = False
train_cfg = dict(max_iters=3000, type='IterBasedTrainLoop', val_interval=100)
train_dataloader = dict(
    batch_size=32,
    collate_fn=dict(type='default_collate'),
    dataset=dict(train=True, type='Diabetes'),
    num_workers=0,
    sampler=dict(shuffle=True, type='InfiniteSampler'))
val_cfg = dict(type='ValLoop')
val_dataloader = dict(
    batch_size=28,
    collate_fn=dict(type='default_collate'),
    dataset=dict(train=False, type='Diabetes'),
    num_workers=0,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(type='RegressionMetric')
visualizer = dict(
    type='Visualizer', vis_backends=[
        dict(type='LocalVisBackend'),
    ])
work_dir = 'work_dirs/diabetes_iter'
