data = dict(samples_per_gpu=32, noise=0.2)
optimizer = dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=0.0005)
log_config = dict(interval=10, hooks=[dict(type='TextLoggerHook')])
workflow = [('train', 1)]
seed = 0
optimizer_config = dict(grad_clip=dict(max_norm=10.0, norm_type=2))
lr_config = dict(
    policy='step',
    warmup='linear',
    warmup_iters=38,
    warmup_ratio=0.01,
    step=[12, 16])
runner = dict(type='EpochBasedRunner', max_epochs=18)
checkpoint_config = dict(interval=1, max_keep_ckpts=2)
evaluation = dict(interval=1, save_best='accuracy', rule='greater')
work_dir = './work_dirs/mmcv_digits'
