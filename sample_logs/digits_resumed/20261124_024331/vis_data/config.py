default_hooks = dict(
    checkpoint=dict(
        interval=1,
        max_keep_ckpts=2,
        rule='greater',
        save_best='digits/accuracy',
        type='CheckpointHook'),
    logger=dict(interval=10, type='LoggerHook'))
default_scope = 'mmengine'
env_cfg = dict(cudnn_benchmark=False, mp_cfg=dict(mp_start_method='fork'))
load_from = None
log_level = 'INFO'
model = dict(aux_weight=0.4, type='DigitClassifier')
optim_wrapper = dict(
    optimizer=dict(lr=0.03, momentum=0.9, type='SGD', weight_decay=0.0005),
    type='OptimWrapper')
param_scheduler = [
    dict(begin=0, by_epoch=False, end=38, start_factor=0.01, type='LinearLR'),
    dict(
        T_max=20,
        begin=0,
        by_epoch=True,
        convert_to_iter_based=True,
        end=20,
        eta_min=1e-05,
        type='CosineAnnealingLR'),
]
randomness = dict(seed=0)
resume = False
train_cfg = dict(max_epochs=20, type='EpochBasedTrainLoop', val_interval=1)
train_dataloader = dict(
    batch_size=32,
    collate_fn=dict(type='default_collate'),
    dataset=dict(fresh_noise=0.2, noise=0.2, train=True, type='Digits'),
    num_workers=0,
    sampler=dict(shuffle=True, type='DefaultSampler'))
val_cfg = dict(type='ValLoop')
val_dataloader = dict(
    batch_size=100,
    collate_fn=dict(type='default_collate'),
    dataset=dict(noise=0.2, train=False, type='Digits'),
    num_workers=0,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(type='DigitMetric')
visualizer = dict(
    type='Visualizer', vis_backends=[
        dict(type='LocalVisBackend'),
    ])
work_dir = 'work_dirs/digits_resumed'
