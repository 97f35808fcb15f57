data = dict(samples_per_gpu=32, noise=0.2)
optimizer = dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=0.0005)
log_config = dict(
    interval=20, hooks=[dict(type='TextLoggerHook', by_epoch=False)])
workflow = [('train', 1)]
seed = 0
optimizer_config = dict()
lr_config = dict(policy='poly', power=0.9, min_lr=1e-05, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=2000)
checkpoint_config = dict(by_epoch=False, interval=500, max_keep_ckpts=2)
evaluation = dict(interval=100, save_best='accuracy', rule='greater')
work_dir = './work_dirs/mmcv_iter'
